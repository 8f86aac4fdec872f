#!/usr/bin/perl

# The page of load, memory and disks, of the samples of a real agent; with a
# year of older ones, and a server that has gone.

use warnings;
use strict;

use lib 't/lib';

use POSIX ();
use Test::More;
use Test::Mailportal qw/ json /;
use Test::Mailportal::Web;

my $t = Test::Mailportal->new(only => [qw/ redis nginx agent /]);
my $node = $t->env('MP_NODE');

# one sample each second
$t->stop('agent');
my $conf = $t->read_file('conf/agent.conf');
$conf =~ s/^sample_every =.*/sample_every = 1s/m
	or $conf .= "sample_every = 1s\n";
$conf =~ s!^disks =.*!disks = root=/ gone=/nonexistent!m;
$t->write_file('conf/agent.conf', $conf);

# nothing yet
browse($t, 'usage-none.js');

$t->start('agent');
my $sample;
ok($t->wait_for(sub {
	my $text = $t->redis(LINDEX => "mp:{ts}:m:$node", 0);
	$sample = $text && json()->decode($text) }, 20), 'a sample is taken');

# older ones: a year of hours, in which the disk becomes fuller and fuller
my ($disk) = grep { $_->{name} eq 'root' } @{ $sample->{disks} };
my $now = time();

sub old {
	my ($node, $hour, %disk) = @_;
	return json()->encode({ %$sample,
		at => POSIX::strftime('%Y-%m-%dT%H:%M:%SZ',
			gmtime $now - 3600 * $hour),
		load => [$hour % 7, $hour % 5, $hour % 3],
		disks => [{ %$disk, %disk }] });
}

$t->redis(RPUSH => "mp:{ts}:h:$node", map { old($node, $_) } 1 .. 300, 500 .. 2000);

# a server that was seen an hour ago
$t->redis(HSET => 'mp:{hb}:index', 'agent:mx2', $now - 3600);
$t->redis(RPUSH => 'mp:{ts}:m:mx2', map { old('mx2', $_,
	used => int($disk->{bytes} * 0.96),
	free => int($disk->{bytes} * 0.04),
	full_secs => 5 * 86400) } 1 .. 3);

$t->redis(SET => 'mp:{dav}:mx2', json()->encode({ collections => 6,
	addressbooks => 1, calendars => 4, at => $sample->{at} }));

browse($t, 'usage.js');

$t->done();
