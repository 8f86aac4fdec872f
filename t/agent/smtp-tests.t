#!/usr/bin/perl

# The job relayhost-test: each step's result in our own words, and never a word
# of the peer's.

use warnings;
use strict;

use lib 't/lib';

use Test::More;
use Test::Mailportal qw/ json /;
use Test::Mailportal::Sink;

my $t = Test::Mailportal->new(only => [qw/ redis nginx agent /]);
my $node = $t->env('MP_NODE');
my $keys = 0;
my ($cert, $key) = map { $t->dir() . "/$_" } qw/ cert.pem key.pem /;

my ($rc, $out) = $t->program('openssl', 'req', '-x509', '-newkey', 'ec',
	'-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', 2,
	'-subj', '/CN=sink', '-keyout', $key, '-out', $cert, '-batch');
die "openssl: $out\n" if $rc;

sub sink { return Test::Mailportal::Sink->new($t->dir() . '/sink' . $keys, @_); }

sub settings {
	my ($group, %change) = @_;
	my $head = $t->api(GET => '/settings', role => 'MasterAdmin');
	my $res = $t->api(PATCH => '/settings', role => 'MasterAdmin',
		headers => { 'If-Match' => $head->{headers}{etag} },
		json => { $group => \%change });
	die "settings: $res->{body}\n" if $res->{status} != 200;
	return;
}

sub post {
	my ($action, %more) = @_;

	return $t->api(POST => '/jobs', role => 'MasterAdmin',
		headers => { 'Idempotency-Key' => 'k' . ++$keys },
		json => { action => $action, %more });
}

# a job to its end
sub job {
	my $res = post(@_);
	my ($job, $id) = ({}, $res->{json}{id} // die "jobs: $res->{body}\n");

	$t->wait_for(sub {
		$job = $t->api(GET => "/jobs/$id", role => 'MasterAdmin')->{json};
		$job->{state} =~ /^(done|failed|cancelled)/;
	}, 60);
	return $job;
}

sub steps {
	my ($job) = @_;
	return join '; ', map { "$_->{target}: $_->{text}" }
		@{ $job->{result}{items} };
}

sub text_of { return $_[0]{nodes}{$node}{text} // ''; }

$t->wait_for(sub { $t->redis(EXISTS => "mp:{hb}:agent:$node") }, 20);

# nothing to test
my $job = job('relayhost-test');
is($job->{state}, 'failed', 'without a relayhost there is nothing to test');
like(text_of($job), qr/there is no relayhost/, 'which is said');

# all well
my $sink = sink(auth => { 'mail@relay' => 'right' });
settings(relayhost => host => '[127.0.0.1]', port => $sink->port(),
	tls => 'none', username => 'mail@relay', password => 'right');
$job = job('relayhost-test');
is($job->{state}, 'done', 'a relayhost that is there passes');
like(steps($job), qr/resolve: 127\.0\.0\.1 is at 127\.0\.0\.1/, 'resolved');
like(steps($job), qr/connect: port \d+ takes connections/, 'connected');
like(steps($job), qr/TLS: the connection is not encrypted/, 'in clear');
like(steps($job), qr/sign in: name and password are taken/, 'signed in');

# a wrong password
settings(relayhost => password => 'wrong');
$job = job('relayhost-test');
is($job->{state}, 'failed', 'a wrong password fails');
like(steps($job), qr/connect: .*; TLS: /, 'after the steps that went well');
like(text_of($job), qr/sign in: authentication failed/,
	'and it says that authentication failed');
unlike(json()->encode($job), qr/SECRET-OF-THE-PEER|wrong"/,
	'V12: neither what the peer said nor the password is repeated');

# TLS
settings(relayhost => tls => 'encrypt', password => 'right');
$job = job('relayhost-test');
like(text_of($job), qr/TLS: the server does not offer STARTTLS/,
	'a server without STARTTLS is named');
$sink->stop();
$sink = sink(auth => { 'mail@relay' => 'right' }, tls => [$cert, $key]);
settings(relayhost => port => $sink->port());
$job = job('relayhost-test');
is($job->{state}, 'done', 'one with it passes');
like(steps($job), qr/TLS: the connection is encrypted/, 'and says so');
settings(relayhost => tls => 'verify');
$job = job('relayhost-test');
like(text_of($job), qr/TLS: the certificate is not one to be trusted/,
	'a certificate of nobody is not verified');

# nobody there, nobody who speaks, somebody who speaks too much
$sink->stop();
settings(relayhost => tls => 'none');
$job = job('relayhost-test');
like(text_of($job), qr/connect: nobody takes the connection/,
	'a closed port is named');
for my $row ([silent => qr/does not answer in time/],
	[flood => qr/greeting|in time|broke off/]) {
	my ($how, $words) = @$row;
	$sink = sink($how => 1);
	settings(relayhost => port => $sink->port());
	$job = job('relayhost-test');
	is($job->{state}, 'failed', "V12: a server that is $how fails");
	like(text_of($job), $words, 'in fixed words');
	unlike(json()->encode($job), qr/xxxx/, 'without its banner');
	$sink->stop();
}
$sink = sink(greeting => '554 go away SECRET-OF-THE-PEER');
settings(relayhost => port => $sink->port());
$job = job('relayhost-test');
like(text_of($job), qr/no SMTP server that takes us \(554\)/,
	'one that refuses us is named by its number');
unlike(json()->encode($job), qr/SECRET/, 'and not by its words');
$sink->stop();
settings(relayhost => host => 'no-such-host.invalid');
$job = job('relayhost-test');
like(text_of($job), qr/resolve: /, 'a name that is none fails at its step');

# another relayhost while one is tried: whoever asks again is told of the
# first test, which then is of the other one
$sink = sink(silent => 1);
settings(relayhost => host => '[127.0.0.1]', port => $sink->port());
my $id = post('relayhost-test')->{json}{id};
$t->wait_for(sub { $t->api(GET => "/jobs/$id", role => 'MasterAdmin')
	->{json}{state} eq 'running' }, 20);
my $other = sink(auth => { 'mail@relay' => 'right' });
settings(relayhost => port => $other->port());
my $again = post('relayhost-test');
is("$again->{status} $again->{json}{job}", "409 $id",
	'a second test of the same is the first one');
$t->wait_for(sub { $t->api(GET => "/jobs/$id", role => 'MasterAdmin')
	->{json}{state} =~ /^(done|failed)/ }, 60);
$job = $t->api(GET => "/jobs/$id", role => 'MasterAdmin')->{json};
is($job->{state}, 'done', 'which is of what is in force when it ends');
like(steps($job), qr/^resolve: [^;]*; connect: port ${\$other->port()} /,
	'and tells the steps of that');
$sink->stop();
$other->stop();

# what the API does not take
for my $host ("smtp.example\nalways_bcc = evil\@x", '[h]:25 , x', '$(id)',
	'${data_directory}', 'unix:/x', '[::1', "a\0b", 'x' x 300) {
	my $head = $t->api(GET => '/settings', role => 'MasterAdmin');
	my $res = $t->api(PATCH => '/settings', role => 'MasterAdmin',
		headers => { 'If-Match' => $head->{headers}{etag} },
		json => { relayhost => { host => $host } });
	ok($res->{status} == 422 || $res->{status} == 400,
		'V11: a relayhost that is none is refused');
}

$t->done();
