#!/usr/bin/perl

# The settings at two Dovecots: which of them has what in force, and that each
# sweeps and counts its own users.

use warnings;
use strict;

use lib 't/lib';

use JSON::PP ();
use Test::More;
use Test::Mailportal::Dovecot;
use Test::Mailportal::Dovecot::Settings qw/ $FAST patch login may refused /;

my %worker = (usage_every => '1s', sweep_rate => 10000);
my $one = Test::Mailportal::Dovecot->new(node => 'one', conf => $FAST,
	only => [qw/ redis nginx dovecot /], worker => \%worker);
my $two = Test::Mailportal::Dovecot->new(node => 'two', conf => $FAST,
	redis_of => $one, worker => \%worker);
my $t = $one->t();
my ($alice) = $one->add_users(['alice@one.test']);
my ($bob) = $two->add_users([qw/ bob@two.test carol@two.test /]);
my ($first, $second) = ('the-first-password', 'the-second-password');


# What the API says of a node, as the page of the settings shows it.

sub node {
	my ($name) = @_;
	my $res = $t->api(GET => '/nodes', role => 'MasterAdmin');

	return (grep { $_->{component} eq 'dovecot' && $_->{node} eq $name }
		@{ $res->{json}{nodes} })[0] // {};
}


sub has {
	my ($name, $version) = @_;

	return $t->wait_for(sub { (node($name)->{settings} // 0) == $version },
		30, "version $version at $name");
}


# The master password

my $version = patch($one, imap_master => {
	enabled => JSON::PP::true, password => $first });
ok(has($_, $version), "in force at node $_") for qw/ one two /;
ok(may($one, "$alice*masteradmin", $first), 'it opens mailboxes of the one');
ok(may($two, "$bob*masteradmin", $first), 'and of the other');

$two->t()->stop('dovecot');
$version = patch($one, imap_master => { password => $second });
ok(has('one', $version), 'while the other is down the one has the next');
cmp_ok(node('two')->{settings}, '<', $version, 'and the other has not');
ok(may($one, "$alice*masteradmin", $second), 'it is in force where it says');
$two->t()->start('dovecot');
ok(has('two', $version), 'when the other is back, it has it, too');
ok(refused($two, "$bob*masteradmin", $first), 'and not the one before');
ok(may($two, "$bob*masteradmin", $second), 'but this');

my %want = ($alice => 4, $bob => 4);
my %have;
$t->wait_for(sub {
	my $res = $t->api(GET => '/audit?limit=100', role => 'MasterAdmin');
	%have = ();
	$have{ $_->{target} }++ for grep { $_->{what} =~ /-master-login$/ }
		@{ $res->{json}{entries} };
	!grep { ($have{$_} // 0) < $want{$_} } keys %want;
}, 30, 'the audit');
is_deeply(\%have, \%want, 'logins of both are in the one audit log');
is($t->redis('HGET', "mp:{stat}:dovecot:$_", 'master_logins'), 4,
	"and counted by node: $_") for qw/ one two /;

# Clearing: a sweep of each

sub sweeps {
	my %by;

	for my $id (@{ $t->redis('ZRANGE', 'mp:{jobs}:index', 0, -1) }) {
		my $job = $t->api(GET => "/jobs/$id", role => 'MasterAdmin')
			->{json};
		push @{ $by{ join ',', sort keys %{ $job->{nodes} } } }, $job
			if $job->{created_by} eq 'mailportal';
	}

	return \%by;
}


patch($one, clearing => { junk_days => 3 });
my $by;
ok($t->wait_for(sub { $by = sweeps();
	2 == grep { $_->[0]{state} eq 'done' } values %$by }, 30, 'sweeps'),
	'a change begins a sweep');
is(join(' ', map { "$_:" . @{ $by->{$_} } } sort keys %$by), 'one:1 two:1',
	'one of each node');
is($by->{$_->node()}[0]{total}, scalar $_->users(),
	'with the users of node ' . $_->node()) for $one, $two;

# Usage: totals of each

my %total;
ok($t->wait_for(sub {
	%total = map { $_ => JSON::PP::decode_json(
		$t->redis('GET', "mp:{usage}:t:$_") // '{}')->{mailboxes} // 0 }
		qw/ one two /;
	$total{one} == $one->users() && $total{two} == $two->users();
}, 30, 'totals'), 'and the totals are of each its own')
	or diag(explain(\%total));

$two->t()->down();
is(join('', $two->t()->alerts()), '', 'no alerts of the other');
$one->done();
