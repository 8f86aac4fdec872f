#!/usr/bin/perl

# The history of the settings, and back to an old version.

use warnings;
use strict;

use lib 't/lib';

use Test::More;
use Test::Mailportal;
use Test::Mailportal::Web;

my $t = Test::Mailportal->new(only => [qw/ redis milter nginx /]);

browse($t, 'history.js');

$t->done();
