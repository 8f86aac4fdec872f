#!/usr/bin/perl

# The portal's own mail through the real Postfix into a mailbox: TLS that is
# verified, a login that Dovecot judges, and a Postfix that is away for a time.

use warnings;
use strict;

use lib 't/lib';

use Test::More;
use Test::Mailportal;
use Test::Mailportal::Jobs;

plan skip_all => 'needs a mount namespace of its own'
	if system('unshare -m true 2> /dev/null') != 0 && !$ENV{CI};

my $t = Test::Mailportal->new(only => [qw/ redis dovecot postfix agent nginx /]);
my $jobs = Test::Mailportal::Jobs->new($t);
my $node = $t->env('MP_NODE');
my $user = $t->env('MP_USER');
my ($cert, $key) = map { $t->dir() . "/$_.pem" } qw/ cert key /;
my $smtps = $t->base() + 10;

sub run {
	my ($rc, $out) = $t->program(@_);
	return $rc == 0 || die "@_: $out\n";
}

sub settings {
	my (%change) = @_;
	my $head = $t->api(GET => '/settings', role => 'MasterAdmin');
	my $res = $t->api(PATCH => '/settings', role => 'MasterAdmin',
		headers => { 'If-Match' => $head->{headers}{etag} },
		json => { system_mailer => \%change });

	die "settings: $res->{body}\n" if $res->{status} != 200;
	return;
}

sub to_end {
	my ($id) = @_;
	my $job;

	$t->wait_for(sub { $job = $jobs->get($id)->{json};
		$job->{state} =~ /^(done|failed|cancelled)/ }, 60);
	return $job;
}

sub text_of { return $_[0]{nodes}{$node}{text} // ''; }

# how often the mail of a job is in the mailbox
sub came {
	my ($id) = @_;
	return scalar grep { /^Message-ID: <\Q$id\E\@/mi }
		$t->imap($user)->messages('INBOX');
}

sub arrives {
	my ($job, $what) = @_;

	is($job->{state}, 'done', $what) or diag(text_of($job));
	return ok($t->wait_for(sub { came($job->{id}) == 1 }, 30),
		'and is in the mailbox');
}

# Postfix with a certificate, also where TLS comes first
run('openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt',
	'ec_paramgen_curve:P-256', '-nodes', '-days', 2, '-subj', '/CN=mx',
	'-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', $key,
	'-out', $cert, '-batch');
my $postfix = $t->env('MP_POSTFIX_CONFIG');
my ($submission) = $t->read_file("$postfix/master.cf")
	=~ /^(\S+ inet [^\n]*\n +-o syslog_name=\S+\n(?: +-o [^\n]*\n)+)/m;
my $first = $submission =~ s/^\S+/127.0.0.1:$smtps/r;
open my $master, '>>', "$postfix/master.cf" or die "master.cf: $!\n";
print {$master} $first, "    -o smtpd_tls_wrappermode=yes\n";
close $master;
run('postconf', '-c', $postfix, '-e', "smtpd_tls_cert_file=$cert",
	"smtpd_tls_key_file=$key", 'smtpd_tls_security_level=encrypt',
	'smtpd_tls_auth_only=yes');
$t->restart('postfix');

# an agent that trusts it, as if it were in the system's store
$t->stop('agent');
is(system('unshare', '-m', 'sh', '-c', 'mount --bind "$1"'
	. ' /etc/ssl/certs/ca-certificates.crt &&'
	. " exec $Test::Mailportal::ROOT/auto/stack start --dir \"\$2\" agent"
	. ' > /dev/null 2>&1', 'sh', $cert, $t->dir()), 0, 'an agent');

settings(host => '127.0.0.1', port => $t->port('submission'),
	tls => 'starttls', username => $user, from => $user,
	password => $t->env('MP_USER_PASSWORD'));
arrives(to_end($jobs->make('mailer-test', $user)),
	'STARTTLS and a login: a mail is sent');
settings(port => $smtps, tls => 'tls');
arrives(to_end($jobs->make('mailer-test', $user)), 'so is one by TLS');

settings(tls => 'none', port => $t->port('submission'));
my $job = to_end($jobs->make('mailer-test', $user));
is($job->{state}, 'failed', 'without TLS it fails');
is(text_of($job), 'send: the server refuses the message (530)',
	'as Postfix wants it');

settings(tls => 'starttls', password => 'wrong');
$job = to_end($jobs->make('mailer-test', $user));
is($job->{state}, 'failed', 'a wrong password fails');
like(text_of($job), qr/^sign in: authentication failed/, 'at its step');
settings(password => $t->env('MP_USER_PASSWORD'));

$t->stop('postfix');
my $id = $jobs->make('mailer-test', $user);
ok($t->wait_for(sub { $jobs->get($id)->{json}{next_at} }, 30),
	'without Postfix it waits');
$t->start('postfix');
arrives(to_end($id), 'until that is there');

$job = to_end($jobs->make('mailer-test', "nobody-there\@"
	. $t->env('MP_DOMAIN')));
is($job->{state}, 'failed', 'a recipient that is none fails at once');
like(text_of($job), qr/^send: the server refuses the message \(550\)/,
	'by the number of Postfix');

$t->done();
