#!/usr/bin/perl

# Text of strangers is text: nothing of it becomes markup or script.

use warnings;
use strict;

use lib 't/lib';

use Test::More;
use Test::Mailportal;
use Test::Mailportal::Web;

my $t = Test::Mailportal->new(only => [qw/ redis milter nginx /]);

browse($t, 'hostile.js');

$t->done();
