#!/usr/bin/perl

# The lists: add, remove, undo, search, page through, paste, export.

use warnings;
use strict;

use lib 't/lib';

use Test::More;
use Test::Mailportal;
use Test::Mailportal::Web;

my $t = Test::Mailportal->new(only => [qw/ redis milter nginx /]);

browse($t, 'lists.js');

$t->done();
