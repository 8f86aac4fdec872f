#!/usr/bin/perl

# The page of the servers' logs, of the lines of a real agent.

use warnings;
use strict;

use lib 't/lib';

use Test::More;
use Test::Mailportal;
use Test::Mailportal::Web;

my $t = Test::Mailportal->new(only => [qw/ redis nginx agent /]);

browse($t, 'logs.js');

$t->done();
