#!/usr/bin/perl

# The page of the IMAP master password, and real logins with it.

use warnings;
use strict;

use lib 't/lib';

use Test::More;
use Test::Mailportal::Dovecot;
use Test::Mailportal::Web;

my $d = Test::Mailportal::Dovecot->new(only => [qw/ redis nginx dovecot /]);

browse($d->t(), 'master.js');

$d->done();
