#!/usr/bin/perl

# The page of the servers' logs, of the lines of a real agent; before there is
# one, and when a file cannot be read.

use warnings;
use strict;

use lib 't/lib';

use Test::More;
use Test::Mailportal;
use Test::Mailportal::Web;

my $t = Test::Mailportal->new(only => [qw/ redis nginx agent /]);
my $node = $t->env('MP_NODE');
my $log = $t->dir() . '/log/mail.log';

# nobody has reported so far
$t->stop('agent');
$t->redis(HDEL => 'mp:{hb}:index', "agent:$node");
$t->redis(DEL => "mp:{hb}:agent:$node");
browse($t, 'logs-none.js');

# more lines than are kept
open my $fh, '>>', $log or die "$log: $!\n";
printf {$fh} "2026-01-02T03:04:05.000000+00:00 mx postfix/smtpd[7]: "
	. "connect from old-%d.example\n", $_ for 1 .. 10100;
close $fh;
$t->start('agent');
browse($t, 'logs.js');

# another node, and a file that is not there
$t->redis(HSET => 'mp:{hb}:index', 'agent:mx2', time() - 3600);
rename $log, "$log.away" or die "$log: $!\n";
browse($t, 'logs-trouble.js');
rename "$log.away", $log or die "$log: $!\n";
browse($t, 'logs-mended.js');

$t->done();
