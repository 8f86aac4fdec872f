#!/usr/bin/perl

# The page of the audit log.

use warnings;
use strict;

use lib 't/lib';

use Test::More;
use Test::Mailportal;
use Test::Mailportal::Web;

my $t = Test::Mailportal->new(only => [qw/ redis nginx /]);

browse($t, 'audit.js');

$t->done();
