#!/usr/bin/perl

# Signing in and out, and what is said when it does not work.

use warnings;
use strict;

use lib 't/lib';

use Test::More;
use Test::Mailportal;
use Test::Mailportal::Web;

my $t = Test::Mailportal->new(only => [qw/ redis milter nginx /]);

browse($t, 'sign-in.js');

$t->done();
