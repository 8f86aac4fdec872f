#!/usr/bin/perl

# P5, the effect: quota that does not match the messages is counted anew,
# and who was wrong by how much is told once.

use warnings;
use strict;

use Test::More;

use lib 't/lib';
use Test::Mailportal::Dovecot::Jobs qw/ failures sum_of /;

my $d = Test::Mailportal::Dovecot::Jobs->new();
my ($users, $messages, $more) = (10, 12, 5_000_000);


# What Dovecot believes.

sub used {
	my ($user) = @_;
	my ($kilobytes, $count) = $d->quota($user);

	return "$count messages, $kilobytes kB";
}


sub kilobytes { return int(($_[0] + 1023) / 1024); }


# Maildir keeps a sum in a file of the user's: lines of bytes and messages to
# be added.  Returns the right sum.

sub falsify_maildir {
	my ($user) = @_;
	my $file = $d->home($user) . '/Maildir/maildirsize';
	my ($quota, @sums) = split /\n/, $d->t()->read_file($file);
	my ($bytes, $count) = (0, 0);

	for my $sum (@sums) {
		my ($b, $c) = $sum =~ /(-?\d+) +(-?\d+)/;
		$bytes += $b;
		$count += $c;
	}

	$d->fake_maildirsize($user, $bytes + $more, $count + 50);
	return $bytes;
}


# sdbox has the sum of the sizes in the index: bytes, the last UID and the
# number of messages.

sub falsify_sdbox {
	my ($user) = @_;
	my ($rc, $out) = $d->stock('-f', 'tab', 'mailbox', 'status', '-u',
		$user, 'vsize messages', 'INBOX');
	my ($count, $bytes) = $out =~ /^INBOX\t(\d+)\t(\d+)$/m or die $out;
	my $is = pack 'Q<LL', $bytes, $count, $count;
	my $false = pack 'Q<LL', $bytes + $more, $count, $count;
	my $found = 0;

	for my $file (grep { !/cache/ } $d->index_files($user)) {
		my $text = $d->t()->read_file($file);
		$found += ($text =~ s/\Q$is\E/$false/g) || 0;
		open my $fh, '+<:raw', $file or die "$file: $!\n";
		print $fh $text;
		close $fh or die "$file: $!\n";
	}

	die "$user: no size in the index\n" unless $found;
	return $bytes;
}


my %kind = (
	maildir => { falsify => \&falsify_maildir, quota => 'maildir:user',
		more => 50 },
	sdbox => { falsify => \&falsify_sdbox, quota => 'count:user',
		more => 0 },
);

for my $format (sort keys %kind) {
	my $kind = $kind{$format};
	my @names = $d->crowd($users, "$format.example", format => $format,
		messages => $messages, fields => { quota => $kind->{quota} });
	my @wrong = @names[2 .. 5];
	my %bytes;

	# Maildir's sum is of other sizes until it was counted once
	$d->run('quota-recalc', target => "$format.example");
	used($_) for @names;
	for my $user (@wrong) {
		$bytes{$user} = $kind->{falsify}->($user);
		is(used($user), $messages + $kind->{more} . ' messages, '
			. kilobytes($bytes{$user} + $more) . ' kB',
			"$format: $user seems to have more");
	}

	my $job = $d->run('quota-recalc', target => "$format.example");
	is(sum_of($job), "done $users $users 0 0",
		'quota-recalc is done with all') or diag(failures($job));

	for my $user (@wrong) {
		is(used($user), "$messages messages, "
			. kilobytes($bytes{$user}) . ' kB',
			"$user has what is there");
	}

	my $result = $job->{result};
	is($result->{drifted}, scalar @wrong, 'as many drifted are told');
	is(join(' ', map { "$_->{target}:$_->{before}:$_->{after}" }
		sort { $a->{target} cmp $b->{target} } @{ $result->{items} }),
		join(' ', map { join ':', $_, $bytes{$_} + $more, $bytes{$_} }
		@wrong), 'each with the bytes of before and after');
	is($result->{bytes_before} - $result->{bytes_after}, $more * @wrong,
		'and the sum of it');

	$job = $d->run('quota-recalc', target => "$format.example");
	is($job->{result}{drifted}, 0, 'the second time nobody has drifted');
}

$d->done();
