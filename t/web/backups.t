#!/usr/bin/perl

# Backups of Radicale: made, fetched and removed by the page.

use warnings;
use strict;

use lib 't/lib';

use Test::More;
use Test::Mailportal;
use Test::Mailportal::Radicale;
use Test::Mailportal::Web;

my $t = Test::Mailportal->new(only =>
	[qw/ redis nginx agent dovecot radicale /]);
my $user = 'alice@' . $t->env('MP_DOMAIN');

fill($t, $user, 3);
browse($t, 'backups.js');
ok(!glob($t->dir() . '/data/backups/*.zip'), 'no file is left');

$t->done();
