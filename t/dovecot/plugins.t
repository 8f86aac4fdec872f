#!/usr/bin/perl

# Plugins of the installation hold for the lanes too: without zlib, a lane
# would take compressed mail for short messages, and Dovecot would believe it.

use warnings;
use strict;

use lib 't/lib';

use Test::More;
use Test::Mailportal::Dovecot;
use Test::Mailportal::Lane;

my $d = Test::Mailportal::Dovecot->new(only => ['dovecot'], conf => <<'END');
protocol imap {
  mail_plugins = quota zlib imap_quota
}

protocol doveadm {
  mail_plugins = quota zlib
}

protocol mailportal {
  mail_plugins = quota zlib acl
}

plugin {
  zlib_save = gz
  acl = vfile
}
END

# the sample gives the lanes what the installation has

my $conf = $d->t()->write_file('plugins.conf', "mail_plugins = zlib acl\n"
	. '!include ' . $d->dir() . "/conf/dovecot/90-mailportal.conf\n");
my ($rc, $out) = $d->t()->program('doveconf', '-c', $conf, '-f',
	'protocol=mailportal', '-h', 'mail_plugins');
is($out, "zlib acl quota\n", 'the lanes have the plugins of all, and quota');

# Maildir knows sizes by the names of files; without W= Dovecot has to read

my ($user) = $d->add_users(1, 'zlib.test');
$d->fill($user, 3, size => 20000);
my @files = glob $d->home($user) . '/Maildir/{cur,new}/*';
is(scalar(grep { -s > 2000 } @files), 0, 'mail is compressed');
for my $file (@files) {
	rename $file, $file =~ s/,W=\d+//r or die "$file: $!\n";
}
$d->remove_indexes($user);

my $lane = Test::Mailportal::Lane->new($d);
$lane->line();
$lane->put("1 resync $user", "2 recalc $user", "3 usage $user");
is($lane->line(), '1 ok folders=1 messages=3', 'resync');
like($lane->line(), qr/^2 ok before=(6\d{4}) after=\1 messages=3 /,
	'recalc counts what is read, not what is stored');
like($lane->line(), qr/^3 ok messages=3 bytes=6\d{4} /, 'so does usage');

# what an ACL forbids the user does not hinder the operator

$d->fill($user, 2, folder => 'Shut');
open my $fh, '>', $d->home($user) . '/Maildir/.Shut/dovecot-acl' or die;
print $fh "owner l\n";
close $fh;
$d->own($user);
$lane->put("4 resync $user");
is($lane->line(), '4 ok folders=2 messages=5',
	'a folder that may only be seen is rebuilt, too');
$lane->close();

my $imap = $d->imap($user);
is(scalar(grep { length > 20000 } $imap->messages('INBOX')), 3,
	'and whole messages are read afterwards');
$imap->logout();

$d->done();
