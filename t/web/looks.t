#!/usr/bin/perl

# Every page: accessible, in dark and light, on a narrow screen.

use warnings;
use strict;

use lib 't/lib';

use Test::More;
use Test::Mailportal;
use Test::Mailportal::Web;

my $t = Test::Mailportal->new(only => [qw/ redis milter nginx /]);

browse($t, 'looks.js');

$t->done();
