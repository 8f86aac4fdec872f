#!/usr/bin/perl

# The list of jobs, and the page of each.

use warnings;
use strict;

use lib 't/lib';

use Test::More;
use Test::Mailportal;
use Test::Mailportal::Web;

my $t = Test::Mailportal->new(only => [qw/ redis nginx /]);

browse($t, 'jobs.js');

$t->done();
