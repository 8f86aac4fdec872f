#!/usr/bin/perl

# What would happen to a message.

use warnings;
use strict;

use lib 't/lib';

use Test::More;
use Test::Mailportal;
use Test::Mailportal::Web;

my $t = Test::Mailportal->new(only => [qw/ redis milter nginx /]);

browse($t, 'explain.js');

$t->done();
