#!/usr/bin/perl

# P5, the effect: index files that are gone or are random bytes hide
# messages; an index rebuild brings every one back.

use warnings;
use strict;

use Test::More;

use lib 't/lib';
use Test::Mailportal::Dovecot::Jobs qw/ failures sum_of /;

my $d = Test::Mailportal::Dovecot::Jobs->new();
my ($users, $messages) = (12, 20);

srand 7;


# Everything that a mail program sees of a user, as one text.

sub seen {
	my ($user) = @_;
	my $imap = $d->imap($user);
	my $text = join "\n", $imap->folders(), $imap->messages('INBOX');

	$imap->logout();
	return $text;
}


sub letters { return scalar(() = $_[0] =~ /^Subject: message/mg); }
sub counts { return join ' ', map { $d->count($_) } @_; }


for my $format (qw/ sdbox maildir /) {
	my @names = $d->crowd($users, "$format.example", format => $format,
		messages => $messages);
	my @gone = @names[0 .. $users / 2 - 1];
	my @random = @names[$users / 2 .. $users - 1];
	my %before = map { $_ => seen($_) } @names;

	is(letters($before{ $names[-1] }), $messages,
		"$format: $messages messages each");
	$d->remove_indexes($_) for @gone;
	$d->garble_indexes($_) for @random;

	# Maildir has all it needs in the names of its files
	if ($format eq 'sdbox') {
		is(counts(@gone), join(' ', (0) x @gone),
			'without an index: none');
		is(counts(@random), join(' ', (0) x @random),
			'with random bytes: none');
	}

	my $job = $d->run('index-rebuild', target => "$format.example");
	is(sum_of($job), "done $users $users 0 0",
		'index-rebuild is done with all') or diag(failures($job));
	is($job->{result}{messages}, $users * $messages,
		'and tells how many messages there are');

	for my $user (@names) {
		my $now = seen($user);
		is(letters($now), $messages, "$user has them again");
		ok($now eq $before{$user}, 'each byte of them');
	}

	# what comes later is not put over what was there
	like($d->deliver($_), qr/^250/, "$_ gets a new one")
		for $gone[0], $random[0];
	is(counts($gone[0], $random[0]), join(' ', ($messages + 1) x 2),
		'beside those of before');
}

$d->done();
