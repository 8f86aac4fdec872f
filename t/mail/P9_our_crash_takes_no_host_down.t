#!/usr/bin/perl

# P9: a crash or a reload of ours is no crash of Postfix or nginx.

use warnings;
use strict;

use POSIX ();
use Test::More;

use lib 't/lib';
use Test::Mailportal::Mail qw/ outcome /;

my $mail = Test::Mailportal::Mail->new();
my $t = $mail->t();
my $cookie = $t->role('MasterAdmin');

$mail->put(blacklist => 'bad.example');
$mail->enforced('x@bad.example', 550);
$mail->base();

# the milter: sessions of before, during and after

my $open = $mail->session();
my $postfix = $t->pid('postfix');
$mail->crash('milter');
is(outcome($mail, $mail->send(session => $open)), 'INBOX',
	'the milter is killed: an open session goes on');
is(outcome($mail, $mail->send()), 'INBOX', 'a new one is accepted');
$t->start('milter');
like($mail->session()->mail_from('x@bad.example'), qr/^550/,
	'it is back: a new session is judged, without a word to Postfix');
is($t->pid('postfix'), $postfix, 'which is the one of before');
$open->quit();

# nginx reloaded under load

my $file = $t->dir() . '/requests';
my @children;
for my $n (1 .. 3) {
	my $child = fork() // die "fork: $!\n";
	if ($child == 0) {
		requests($n);
		POSIX::_exit(0);
	}
	push @children, $child;
}


sub requests {
	my ($n) = @_;

	$SIG{INT} = $SIG{TERM} = 'DEFAULT';
	open my $fh, '>', "$file.$n" or return;
	$fh->autoflush(1);
	until (-e "$file.stop") {
		my $r = eval { $t->api(GET => '/settings',
			cookie => $cookie) };
		print $fh $r ? "$r->{status}\n" : "none: $@";
	}
	return;
}


sub answers {
	return map { split /^/, $t->read_file("$file.$_") // '' } 1 .. 3;
}


my $master = $t->pid('nginx');
for my $n (1 .. 5) {
	my @before = grep { $_ != $master } $mail->family('nginx');
	my $seen = () = answers();

	kill 'HUP', $master;
	$t->wait_for(sub {
		my %now = map { $_ => 1 } $mail->family('nginx');
		return !grep { $now{$_} } @before;
	}, 60, 'new workers');
	ok($t->wait_for(sub { answers() > $seen + 5 }, 30, 'answers'),
		"reload $n: requests are answered");
}

# a worker killed: what it had in hand is lost, and nothing else

my ($worker) = grep { $_ != $master } $mail->family('nginx');
my @all = answers();
is(join('', grep { !/^200$/ } @all), '',
	scalar(@all) . ' requests during the reloads, each answered with 200');

kill 'KILL', $worker;
ok($t->wait_for(sub {
	my @now = $mail->family('nginx');
	return @now > 1 && !grep { $_ == $worker } @now;
}, 20, 'a worker'), 'a worker is killed: there is another');
$t->write_file('requests.stop', '');
waitpid $_, 0 for @children;
is($t->api(GET => '/settings', cookie => $cookie)->{status}, 200,
	'and it answers');
is($t->pid('nginx'), $master, 'the master is the one of before');

# what is written after a reload is followed

is($mail->put(blacklist => 'late.example')->{status}, 201, 'a change');
ok($mail->enforced('x@late.example', 550), 'is enforced');

$t->allow(qr/exited on signal 9/);
$mail->done();
