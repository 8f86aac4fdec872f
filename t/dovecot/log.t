#!/usr/bin/perl

# Logins out of Dovecot's log: through rotation, kills and a Redis that goes,
# none is lost and none counted twice.

use warnings;
use strict;

use lib 't/lib';

use File::Copy qw/ copy /;
use IO::Socket::IP;
use MIME::Base64;
use POSIX qw/ strftime /;
use Test::More;
use Test::Mailportal::Dovecot;
use Test::Mailportal::Dovecot::Settings qw/ $FAST login settled /;

my $d = Test::Mailportal::Dovecot->new(conf => $FAST);
my $t = $d->t();
my ($user, $own) = ($t->env('MP_USER'), $t->env('MP_USER_PASSWORD'));
my $node = $d->node();
my $log = $d->dir() . '/log/logins';
my (@said, $serial);


# A login by the master password as Dovecot writes it; nobody else has the name.

sub line {
	my ($name, $master, $at) = @_;

	return strftime('%b %d %H:%M:%S ', localtime($at // time()))
		. "imap-login: Info: Login: user=<$name>, master=<"
		. ($master // 'admin') . '>, method=PLAIN, rip=192.0.2.7, '
		. "lip=127.0.0.1, mpid=7, TLS, session=<TRS/UeNgZo9/AAAB>\n";
}


sub name {
	my $name = sprintf 'n%d@x.test', ++$serial;

	push @said, $name;
	return $name;
}


sub put {
	my ($file, @bytes) = @_;

	open my $fh, '>>:raw', $file or die "$file: $!\n";
	syswrite $fh, join '', @bytes;
	close $fh or die "$file: $!\n";
	return;
}


sub audit {
	my @fields = map { { @{ $_->[1] } } }
		@{ $t->redis('XRANGE', 'mp:{audit}:in', '-', '+') };

	return grep { $_->{what} =~ /-master-login$/ } @fields;
}


# What was said is there, each once, and in its order.

sub all_there {
	my ($what) = @_;
	my %seen;

	$d->wait_for(sub {
		%seen = map { $_->{target} => 1 } audit();
		!grep { !$seen{$_} } @said;
	}, 60);
	is_deeply([map { $_->{target} } audit()], \@said, $what);
	is($d->hash("mp:{stat}:dovecot:$node")->{master_logins}, @said + 0,
		"$what: so says the counter");
	return;
}


sub problem {
	my ($re) = @_;

	return $d->wait_for(sub { my $hb = $d->heartbeat();
		grep { $_ =~ $re } @{ $hb->{problems} } }, 30, "$re");
}


sub no_problem {
	return $d->wait_for(sub { my $hb = $d->heartbeat();
		$hb && !grep { /login|syslog/ } @{ $hb->{problems} } }, 30);
}


sub last_login { return $d->hash("mp:{usage}:l:$node"); }


# as Dovecot itself writes it

ok($d->wait_for(sub { $t->redis('GET', "mp:{log}:place:dovecot:$node") }, 30),
	'the log is read');
is(login($d, 'imap', uc $user, $own), 'ok', 'a user signs in by IMAP');
ok($d->wait_for(sub { last_login()->{$user} }, 30), 'which is a last login');
cmp_ok(abs(last_login()->{$user} - time()), '<', 300, 'and it was just now');
$t->redis('DEL', "mp:{usage}:l:$node");
is(login($d, 'pop3', $user, $own), 'ok', 'by POP3');
ok($d->wait_for(sub { last_login()->{$user} }, 30), 'it is one, too');
$t->redis('DEL', "mp:{usage}:l:$node");

my $sieve = IO::Socket::IP->new(PeerHost => '127.0.0.1',
	PeerPort => $t->port('sieve'), Timeout => 30) or die "sieve: $@\n";
print $sieve 'AUTHENTICATE "PLAIN" "', encode_base64("\0$user\0$own", ''),
	"\"\r\n";
ok($d->wait_for(sub { last_login()->{$user} }, 30), 'and so by ManageSieve');
close $sieve;
is(scalar audit(), 0, 'none of them was by the master password');

like(login($d, 'imap', line($_) =~ s/"//gr =~ s/\n//r, 'x'),
	qr/NO|BAD/, "a name that looks like a login: $_")
	for 'imap-login: Info: Login: user=<x';
$t->redis('DEL', "mp:{usage}:l:$node");
is(login($d, 'imap', $user, $own), 'ok', 'the next one');
ok($d->wait_for(sub { last_login()->{$user} }, 30), 'is seen');
is_deeply([keys %{ last_login() }, audit()], [$user], 'and nothing else');

# a log of our own, in which we can do what we like

put($log, line('before@x.test'), 'half a line');
$d->set_worker(log_file => $log);
settled($d);
$t->redis('DEL', "mp:{log}:place:dovecot:$node");
$d->kill_worker();
ok($d->wait_for(sub { $t->redis('GET', "mp:{log}:place:dovecot:$node") }, 30),
	'another log is read from its end');
put($log, " of before\n", line(name()));
all_there('what comes then is read');
my ($entry) = audit();
is_deeply([@$entry{qw/ actor what target from result /}],
	['admin', 'imap-master-login', $said[0], '192.0.2.7', 'ok'],
	'with who, what, to whom, from where');
like($entry->{at}, qr/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/, 'and when');

put($log, line('early@x.test', '', time() - 86400), line(name(), 'other'),
	line(name()), "no login\n", line('late@x.test', ''));
all_there('many at once');
is((audit())[1]{actor}, 'other', 'each with its name');
ok($d->wait_for(sub { last_login()->{'late@x.test'} }, 30), 'last logins');
cmp_ok(abs(last_login()->{'early@x.test'} - time() + 86400), '<', 300,
	'have the time of the line');
is(scalar(grep { last_login()->{$_} } @said), 0,
	'those by the master password are none');

# lines that are no lines

my ($whole, $half) = map { line(name()) } 1, 2;
put($log, $whole, substr($half, 0, 60));
ok($d->wait_for(sub { grep { $_->{target} eq $said[-2] } audit() }, 30),
	'a line, and the first part of another');
put($log, substr($half, 60));
all_there('a line in two parts');
my $forged = line('forged@x.test') =~ s/\n//r;
put($log, 'x' x 65536, $forged, 'x' x (65536 - length $forged), $forged,
	'x' x 2**20);
put($log, "\n", line(name()));
all_there('after a line of a mebibyte');
put($log, "\0\0\0\n", "\xff\xfe\n", line("\xc3\x28\@x.test", ''),
	line(name()));
all_there('after bytes that are no text');
put($log, line('x' x 77 . '...', ''), line(name()));
all_there('after a name that Dovecot has cut');
ok(!(grep { /\.\.\.$/ } keys %{ last_login() }), 'which is no last login');

# rotation

sub rotated { return map { "$log.$_" } reverse 1 .. $_[0]; }


put($log, line(name()));
rename $log, "$log.1" or die "$log: $!\n";
put("$log.1", line(name()));
put($log, '');
put("$log.1", line(name()));
all_there('what goes into the old file after its new name');
put($log, line(name()));
all_there('then into the new one');

$t->stop('dovecot');
put($log, line(name()));
rename "$log.1", "$log.2";
rename $log, "$log.1";
put($log, line(name()));
rename "$log.2", "$log.3";
rename "$log.1", "$log.2";
rename $log, "$log.1";
put($log, line(name()));
$t->start('dovecot');
all_there('two rotations while nobody was there');

kill 'STOP', $d->worker_pid();
put($log, line(name()));
copy($log, "$log.1");
truncate $log, 0;
put($log, line(name()));
kill 'CONT', $d->worker_pid();
all_there('a log that is copied and cut, longer than it was or not');
kill 'STOP', $d->worker_pid();
put($log, line(name()));
copy($log, "$log.1");
truncate $log, 0;
put($log, map { line(name()) } 1 .. 50);
kill 'CONT', $d->worker_pid();
all_there('a log that is cut and has grown over its old length');

unlink $log;
put($log, line(name()));
all_there('a log that is removed and made anew');

# kills and Redis; the log goes on meanwhile

for my $round (1 .. 8) {
	put($log, map { line(name()) } 1 .. 40);
	settled($d) if $round % 2;
	$d->kill_worker();
	put($log, map { line(name()) } 1 .. 3);
	settled($d);
}
all_there('a worker that is killed again and again');

for my $round (1 .. 3) {
	put($log, map { line(name()) } 1 .. 300);
	kill 'KILL', $t->pid('redis');
	$t->wait_for(sub { !kill 0, $t->pid('redis') }, 30);
	put($log, line(name()));
	$t->start('redis');
}
all_there('a Redis that is killed');

settled($d);
kill 'STOP', $t->pid('redis');
put($log, map { line(name()) } 1 .. 5);
$d->kill_worker();
kill 'CONT', $t->pid('redis');
all_there('a Redis that stands still while the worker is killed');

$t->redis('FLUSHALL');
@said = ();
put($log, line(name()));
all_there('an empty Redis gets what is new');
$t->redis('SET', "mp:{log}:place:dovecot:$node", "1 2 3\n");
put($log, line(name()));
all_there('a place that is none');

# what an operator must know

put($log, line('x@x.test', '') =~ s/master=<>, //r);
ok(problem(qr/login_log_format_elements/), 'another format is a problem');
put($log, line(name()));
ok(no_problem(), 'until it is ours');
rename $log, "$log.9";
mkdir $log;
put("$log.9", line(name()));
all_there('a folder in its place is no log');
rmdir $log;
$d->set_worker(log_file => 'none');
ok(no_problem(), 'no log is none');
$d->set_worker(log_file => '/dev/stderr');
ok(problem(qr/log_file/), 'what is no file is a problem');

$d->set_worker(log_file => undef);
$t->write_file('conf/dovecot/local.d/60-log.conf', "log_path = syslog\n");
$d->reload();
ok(problem(qr/does not log to a file/), 'syslog is one, with what to do');

$d->done();
