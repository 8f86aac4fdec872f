#!/usr/bin/perl

# The page of the clearing interval, with mailboxes that are really cleared.

use warnings;
use strict;

use lib 't/lib';

use Test::More;
use Test::Mailportal::Dovecot;
use Test::Mailportal::Web;

my $DAY = 86400;
my $d = Test::Mailportal::Dovecot->new(only => [qw/ redis nginx dovecot /],
	faketime => 1);
my ($user) = $d->add_users(['junk@crowd.test']);

# when it was sent tells nothing

my ($past, $future) = ('Mon, 02 Mar 2009 10:00:00 +0000',
	'Mon, 02 Mar 2037 10:00:00 +0000');


sub put {
	my ($date, $days) = @_;

	$d->save($user, folder => 'Junk', date => $date,
		$days ? (saved => time() - $days * $DAY) : ());
}


put($_, 40) for $past, $future, $past;
put($_, 0) for $past, $future;

browse($d->t(), 'clearing.js');
is($d->count($user, 'Junk'), 2, 'the sweep has left what is fresh');

put($_, 61) for $past, $future;

browse($d->t(), 'clear.js');
is($d->count($user, 'Junk'), 2, 'and so has the job');

$d->done();
