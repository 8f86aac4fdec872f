#!/usr/bin/perl

# P5: a broken user is named with what is wrong, and keeps nobody else from
# being done: 1,000 users of which 3 are broken.

use warnings;
use strict;

use Test::More;

use lib 't/lib';
use Test::Mailportal::Dovecot::Jobs qw/ failures sum_of /;

my $d = Test::Mailportal::Dovecot::Jobs->new(audit => 1);
my $count = 1000;

my %broken = (
	17 => { what => 'a storage that there is not', text => qr/nosuch/,
		fields => { mail => 'nosuch:~/mail' } },
	500 => { what => 'a uid that Dovecot does not allow',
		fields => { uid => 70 },
		text => qr/UID 70\b.*(?:first_valid_uid|not permitted)/i },
	993 => { what => 'a quota rule that is none', text => qr/badrule/,
		fields => { quota_rule => '*:storage=badrule' } },
);
my @names = $d->crowd($count, 'crowd.example', messages => 1,
	break => { map { $_ => $broken{$_}{fields} } keys %broken });

for my $action (qw/ quota-recalc index-rebuild /) {
	my $from = $d->log_end();
	my $job = $d->run($action, target => 'crowd.example');

	is($job->{state}, 'done-with-failures', "$action: the state says so");
	is($job->{total}, $count, "of $count users");
	is($job->{failed}, 3, '3 have failed') or diag(failures($job));
	is($job->{done} - $job->{failed}, $count - 3,
		'and ' . ($count - 3) . ' are done');

	my %error = map { $_->{target} => $_ } @{ $job->{errors} };
	is(scalar @{ $job->{errors} }, 3, 'there are 3 errors');
	for my $number (sort { $a <=> $b } keys %broken) {
		my ($user, $broken) = ($names[$number - 1], $broken{$number});
		my $error = $error{$user} // {};

		like($error->{text}, $broken->{text},
			"$user: $broken->{what}");
		unlike($error->{text}, qr/internal error|\blogs?\b/i,
			'in words that say what it is');
		is($error->{node}, $d->node(), 'with the node');
	}

	my $times = $d->looked_up($from);
	my @not_once = grep { ($times->{$_} // 0) != 1 } @names;
	is(join(' ', splice @not_once, 0, 5), '',
		'Dovecot was asked once for each of them');
}

my $job = $d->run('quota-recalc', target => $names[499]);
is(sum_of($job), 'done-with-failures 1 1 1 0', 'a broken user alone');
like(failures($job), $broken{500}{text}, 'with the same text');

$job = $d->run('quota-recalc', target => $names[500]);
is(sum_of($job), 'done 1 1 0 0', 'the one beside it alone');

$d->done();
