#!/usr/bin/perl

# A secret that the portal was told is nowhere but where it belongs: not in an
# answer, a log, a file of Redis, the audit log, an argument or the
# environment of a process.

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/../lib";

use File::Find;
use MIME::Base64 qw/ decode_base64 encode_base64 /;
use Test::More;
use Test::Mailportal qw/ wait_for /;

my $t = Test::Mailportal->new();
my $master = $t->role('MasterAdmin');
my (%secret, @answers);

$secret{'the password of the MasterAdmin'} = $t->env('MP_ADMIN_PASSWORD');
$secret{'the token of a session'} = $master =~ s/.*=//r;


sub call {
	my ($method, $path, %opt) = @_;
	my $res = $t->api($method, $path, cookie => $master, %opt);

	push @answers, ["$method $path", join '', $res->{body},
		%{ $res->{headers} }];
	return $res;
}


sub patch {
	my ($group, $password, %opt) = @_;
	my $tag = call(GET => '/settings')->{headers}{etag};

	return call(PATCH => '/settings' . ($opt{query} // ''),
		json => { $group => { password => $password } },
		headers => { 'If-Match' => $opt{tag} // $tag });
}


# each password, taken and refused

for my $group (qw/ relayhost system_mailer imap_master /) {
	my %new = map { $_ => "$_-$group-5ecret" } qw/ taken dry late twice /;

	is(patch($group, $new{taken})->{status}, 200, "$group has a password");
	is(patch($group, $new{dry}, query => '?dry_run=1')->{status}, 200,
		'a dry run has one');
	is(patch($group, $new{late}, tag => '"1"')->{status}, 412,
		'one comes too late');
	is(patch($group, $new{twice})->{status}, 200, 'and it is changed');
	is(patch($group, "$group-5ecret\n")->{status}, 422, 'one is refused')
		if $group ne 'imap_master';
	is(patch($group, "long-$group-5ecret" x 40)->{status}, 422,
		'one is too long');
	$secret{"$group, $_"} = $new{$_} for sort keys %new;
	$secret{"$group, refused"} = "$group-5ecret";
}

is(call(PATCH => '/settings', headers => { 'If-Match' => '"1"' },
	type => 'application/json',
	body => '{"relayhost":{"password":"half-a-5ecret"')->{status}, 400,
	'half a document has one');
$secret{'half a document'} = 'half-a-5ecret';


# signing in, and signing in wrongly

my $wrong = 'mistyped-5ecret';
is($t->api(POST => '/session', json => { username => $t->env('MP_ADMIN'),
	password => $wrong })->{status}, 401, 'a password is mistyped');
$secret{'a mistyped password'} = $wrong;

# The counter of failed sign-ins has the name, and it is gone in minutes; the
# audit log stays.

my $as_name = 'typed-as-name-5ecret';
is($t->api(POST => '/session', json => { username => $as_name,
	password => 'x' })->{status}, $_ < 6 ? 401 : 429,
	"a password is typed as the name, $_") for 1 .. 6;
my $audit = wait_for(sub {
	my $log = join ' ', map { @{ $_->[1] } }
		@{ $t->redis('XRANGE', 'mp:{audit}:in', '-', '+') };
	return $log =~ /throttled/ ? $log : undef;
}, 10);
unlike($audit, qr/\Q$as_name/, 'the audit log does not have it');
like($audit, qr/session\.create target - from \S+ result $_/, "but that it was $_")
	for qw/ credentials throttled /;


# Redis away while one is on its way

$t->stop('redis');
is(call(PATCH => '/settings', headers => { 'If-Match' => '"7"' },
	json => { relayhost => { password => 'away-5ecret' } })->{status}, 503,
	'Redis is away when one comes');
$secret{'one without Redis'} = 'away-5ecret';
$t->start('redis');
wait_for(sub { eval { $t->redis('PING') } }, 20);
ok(wait_for(sub { 30 == grep { $t->api(GET => '/session',
	cookie => $master)->{status} == 200 } 1 .. 30 }, 20), 'it is back');


# what is kept: openable by the private half of the key only

my @kept = map { +{ @{ $_->[1] } } }
	@{ $t->redis('XRANGE', 'mp:{sec}:log', '-', '+') };
is(scalar @kept, 6, 'each password that was taken is kept');

my $open = <<'END';
import ctypes, ctypes.util, base64, sys
sodium = ctypes.CDLL(ctypes.util.find_library("sodium"))
secret, public, sealed = (bytes.fromhex(sys.argv[1]),
    bytes.fromhex(sys.argv[2]), base64.b64decode(sys.argv[3]))
out = ctypes.create_string_buffer(len(sealed))
if sodium.crypto_box_seal_open(out, sealed, ctypes.c_ulonglong(len(sealed)),
        public, secret) == 0:
    sys.stdout.write(out.raw[:len(sealed) - 48].decode())
END

for my $group (qw/ relayhost system_mailer /) {
	my @sealed = map { $_->{sealed} }
		grep { $_->{name} eq "$group.password" } @kept;

	for my $i (0, 1) {
		my ($rc, $out) = $t->program('python3', '-c', $open,
			$t->read_file('secrets/portal.key') =~ s/\n//r,
			$t->read_file('secrets/portal.pub') =~ s/\n//r,
			$sealed[$i]);
		is($out, $secret{"$group, " . ('taken', 'twice')[$i]},
			"who has the private key can open what $group has");
		unlike(decode_base64($sealed[$i]), qr/5ecret/,
			'and nobody can read it without');
	}
}


# where it may not be: anything else below DIR, and what people can see

sub look {
	my ($what, $bytes) = @_;
	my @found;

	for my $name (sort keys %secret) {
		my $text = $secret{$name};
		my $base64 = encode_base64($text, '') =~ s/.{1,3}=*\z//r;
		push @found, "$name is in $what"
			if index($bytes, $text) >= 0
			|| index($bytes, $base64) >= 0;
	}

	return @found;
}

my (@found, $files);

find({ no_chdir => 1, wanted => sub {
	my $name = $File::Find::name;
	return if !-f $name || $name =~ m{/secrets/|/env$|\.pw$};
	$files++;
	push @found, look($name, $t->read_file($name) // '');
} }, $t->dir());

cmp_ok($files, '>', 10, "$files files are searched");
ok((grep { /\.aof$/ } glob($t->dir() . '/data/redis/*/*')),
	'those of Redis among them');
is(join("\n", @found), '', 'no secret is in any of them');
is(join("\n", map { my $key = $_; look($key, $t->_value($key)) }
	@{ $t->_keys() }), '', 'nor in any key');
is(join("\n", map { look(@$_) } @answers), '', 'nor was one answered');

@found = ();
for my $server (qw/ nginx redis /) {
	my $pid = $t->pid($server);
	for my $id ($pid, split ' ', `pgrep -P $pid`) {
		push @found, look("$server $_", $t->read_file("/proc/$id/$_")
			// '') for qw/ cmdline environ /;
	}
}
is(join("\n", @found), '', 'nor is one in an argument or the environment');

for my $file (glob($t->dir() . '/secrets/*')) {
	next if $file =~ /\.pub$/;
	is(sprintf('%04o', (stat $file)[2] & 07777), '0400',
		"only its owner may read $file");
}

# the search finds what is there
isnt(join('', look('a text', "x$secret{'relayhost, taken'}y")), '',
	'a secret would be found');

$t->done();
