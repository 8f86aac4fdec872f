#!/usr/bin/perl

# The thresholds: the order rule, saving, and two people at once.

use warnings;
use strict;

use lib 't/lib';

use Test::More;
use Test::Mailportal;
use Test::Mailportal::Web;

my $t = Test::Mailportal->new(only => [qw/ redis milter nginx /]);

browse($t, 'thresholds.js');

$t->done();
