#!/usr/bin/perl

# The versions in force, and what is wrong, at each node.

use warnings;
use strict;

use lib 't/lib';

use Test::More;
use Test::Mailportal;
use Test::Mailportal::Web;

my $t = Test::Mailportal->new(only => [qw/ redis milter nginx /]);

browse($t, 'nodes.js');

$t->done();
