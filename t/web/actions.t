#!/usr/bin/perl

# Jobs from the Actions page, done by the real Dovecot.

use warnings;
use strict;

use lib 't/lib';

use Test::More;
use Test::Mailportal::Dovecot;
use Test::Mailportal::Web;

my $d = Test::Mailportal::Dovecot->new(only => [qw/ redis nginx dovecot /],
	quota => 'maildir:User quota');

my @users = $d->add_users(200, 'crowd.test');
$d->fill_maildir([@users[0 .. 9]], 3, size => 2000);
$d->quota($users[0]);
$d->fake_maildirsize($users[0], 9_000_000, 70);
$d->break_user($users[6], 'quota');

browse($d->t(), 'actions.js');

$d->done();
