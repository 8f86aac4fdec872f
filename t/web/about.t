#!/usr/bin/perl

# The page of the versions.

use warnings;
use strict;

use lib 't/lib';

use Test::More;
use Test::Mailportal;
use Test::Mailportal::Web;

my $t = Test::Mailportal->new(only => [qw/ redis nginx agent milter /]);

browse($t, 'about.js');

$t->done();
