#!/usr/bin/perl

# The form of every group of the settings, as the schema draws it.

use warnings;
use strict;

use lib 't/lib';

use Test::More;
use Test::Mailportal;
use Test::Mailportal::Web;

my $t = Test::Mailportal->new(only => [qw/ redis milter nginx /]);

browse($t, 'forms.js');

$t->done();
