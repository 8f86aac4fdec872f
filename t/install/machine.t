#!/usr/bin/perl

# docs/install.md on a machine as Debian's packages leave it, word by word: a
# portal that refuses mail, knows why, backs up Radicale, and can be taken away
# again.

use warnings;
use strict;

use lib 't/lib';

use Test::More;
use Test::Lint;
use Test::Mailportal qw/ json wait_for /;
use Test::Mailportal::Machine;

plan(skip_all => 'nginx and Dovecot are not those of Debian with ASan')
	if ($ENV{MP_BUILD} // '') =~ /sanitize/;
plan(skip_all => 'no namespaces here')
	if system('unshare -m -n -p -f true 2> /dev/null') != 0 && !$ENV{CI};

my $address = '192.0.2.1';
my $portal = 'http://127.0.0.1:8080';
my $page = slurp('docs/install.md');
my @blocks = $page =~ /^```sh\n(.*?)^```$/msg;
my $m = Test::Mailportal::Machine->new(address => $address);
my ($rc, $out, $password);


# The next block of the page, which must have these words.

sub step {
	my ($words, $what) = @_;
	my $block = shift @blocks // '';

	like($block, qr/\Q$words\E/, "$what: the next step");
	($rc, $out) = $m->shell($block);
	is($rc, 0, $what) or diag($out);
	return $out;
}


sub shell {
	my ($text, $what) = @_;

	($rc, $out) = $m->shell($text);
	is($rc, 0, $what) or diag($out);
	return $out;
}


# A message from another host: what curl says.

sub mail {
	my ($from) = @_;

	return ($m->shell("printf 'Subject: hello\\n\\nhello\\n' | curl -sS -T -"
		. " --mail-from $from --mail-rcpt someone\@install.test"
		. " --interface $address smtp://$address 2>&1 && echo sent"))[1];
}


# curl as the MasterAdmin; the answer as it is, or the JSON in it.

sub api {
	my ($path, @more) = @_;

	return ($m->shell("curl -sS -b /run/jar -c /run/jar"
		. " -H 'Sec-Fetch-Site: same-origin' @more '$portal$path'"))[1];
}

sub json_of { return eval { json()->decode(api(@_)) } // {}; }


# the machine of before

$m->write_file('etc/postfix/main.cf', <<"END");
compatibility_level = 3.6
myhostname = mx.install.test
mydestination = install.test
local_recipient_maps =
local_transport = discard
alias_maps =
alias_database =
mynetworks = 127.0.0.0/8
inet_interfaces = all
inet_protocols = ipv4
smtpd_peername_lookup = no
END
shell('cp /usr/share/postfix/master.cf.dist /etc/postfix/master.cf
	cp -R /usr/share/dovecot/dovecot.conf /usr/share/dovecot/conf.d /etc/dovecot
	mkdir -p /etc/dovecot/private
	: > /etc/dovecot/private/dovecot.pem; : > /etc/dovecot/private/dovecot.key
	printf "ssl = no\nlisten = 127.0.0.1\n" > /etc/dovecot/conf.d/99-test.conf
	printf "[server]\nhosts = 127.0.0.1:5232\n[auth]\ntype = none\n[rights]\ntype = authenticated\n" > /etc/radicale/config
	rm -f /etc/nginx/sites-enabled/*', 'files as of Debian')
	if $m->start();
shell("systemctl start $_", "$_ runs")
	for qw/ redis-server radicale dovecot nginx postfix /;
ok(wait_for(sub { mail('x@spam.example') =~ /^sent/m }, 30),
	'mail is taken before') or diag(mail('x@spam.example'));

# what to build with is what quickstart installs

my $build = shift @blocks;
my ($wanted) = slurp('auto/packages') =~ /^build='([^']*)'/m;
my %there = map { $_ => 1 } $build =~ /^apt install (.*)$/m
	? split(' ', $1) : ();
is(join(' ', sort keys %there),
	join(' ', sort grep { $_ ne 'libc6-dev' } split ' ', $wanted),
	'the page names the packages that the build needs');
shell('make -s install', 'make install');
step('systemd-sysusers', 'users and folders');
step('openssl genpkey', 'passwords and keys');
is(shell('cd /etc/mailportal && stat -c "%a %U" redis-mp-milter.pw'
	. ' redis-mp-agent.pw portal.key redis-mp-api.pw', 'files of secrets'),
	"400 mailportal\n400 mailportal-agent\n400 mailportal-agent\n400 root\n",
	'only who needs a secret reads it');
step('users.acl', "Redis's configuration");
step('systemctl restart redis-server', 'Redis anew, with its socket');
step('mailportal-ctl admin add', 'the first version and MasterAdmin');
die $out if $rc;
($password) = $out =~ /^\s*password:?\s+(\S+)/m;
isnt($password // '', '', 'whose password is shown') or diag($out);
step('milter.conf', 'the milter');
step('smtpd_milters', 'Postfix asks it');
step('sievec', 'the script for Junk');
my ($sieve) = $page =~ /^```\n(plugin \{\n.*?)^```$/ms;
$m->write_file('etc/dovecot/conf.d/91-sieve.conf', $sieve // '');
step('90-mailportal.conf', "Dovecot's worker");
step('agent.conf', "the agent's file");
step('maillog_file', 'logs in files');
step('postmap', "the relayhost's maps");
step('mailportal-agent --check', 'the agent');
like($out, qr/is well/, 'which finds all as it must be');
step('nginx -t', 'nginx has the portal');
die $out if $rc;

# each part says so

my @parts = qw/ agent dovecot milter nginx /;
my $nodes;

ok(wait_for(sub {
	$nodes = eval { json()->decode(
		($m->shell('mailportal-ctl nodes --json'))[1]) } // {};
	my @well = grep { !$_->{stale} && !@{ $_->{problems} } }
		@{ $nodes->{nodes} // [] };
	return join(' ', sort map { $_->{component} } @well) eq "@parts";
}, 40), 'all four parts are there, and nothing is wrong')
	or diag(json()->encode($nodes));
ok(wait_for(sub { api('/healthz', '-o /dev/null -w "%{http_code}"') eq '200' },
	20), '/healthz says so');
is(api('/', '-o /dev/null -w "%{http_code}"'), '200', 'the pages are there');

# a message is refused, and the portal knows why

is(api('/api/v1/session', "-o /dev/null -w '%{http_code}'",
	"-H 'Content-Type: application/json' -d"
	. " '{\"username\":\"alice\",\"password\":\"$password\"}'"), '200',
	'alice signs in');
is(json_of('/api/v1/lists/blacklist/entries/spam.example', '-X PUT',
	"-H 'Content-Type: application/json' -d '{}'")->{entry},
	'spam.example', 'a domain on the blacklist');
ok(wait_for(sub { mail('x@spam.example') =~ /550/ }, 20),
	'the next message from it is refused');
like(mail('x@ham.example'), qr/^sent/m, 'others are not');
my $trace;
ok(wait_for(sub {
	$trace = json_of('/api/v1/trace?q=spam.example')->{messages}[0] // {};
	return $trace->{outcome} && $trace->{outcome} eq 'refused';
}, 20), 'the trace has it, by the log that Postfix writes');
is($trace->{from}, 'x@spam.example', 'with who sent it');
ok(wait_for(sub {
	($trace) = @{ json_of('/api/v1/trace?q=spam.example')->{messages} // [] };
	return ($trace->{verdict} // '') eq 'reject';
}, 20), 'and the verdict, by the log of the milter')
	or diag(json()->encode($trace // {}));

# what the agent does as a user of its own

my $etag = api('/api/v1/settings', '-o /dev/null -D -') =~ /^ETag: (\S+)/mi
	? $1 : '';
json_of('/api/v1/settings', "-X PATCH -H 'If-Match: $etag'",
	"-H 'Content-Type: application/json' -d"
	. ' \'{"relayhost":{"host":"[192.0.2.9]","port":25}}\'');
ok(wait_for(sub { ($m->shell('postmap -q relayhost'
	. ' hash:/var/lib/mailportal-postfix/relayhost'))[1] =~ /192\.0\.2\.9/ },
	20), 'the relayhost comes to Postfix\'s map');

my $book = '<mkcol xmlns="DAV:" xmlns:C="urn:ietf:params:xml:ns:carddav"><set>'
	. '<prop><resourcetype><collection/><C:addressbook/></resourcetype></prop>'
	. '</set></mkcol>';
shell("curl -sS -f -o /dev/null -X MKCOL -u anna: -d '$book'"
	. ' http://127.0.0.1:5232/anna/book/'
	. " && curl -sS -f -o /dev/null -X PUT -u anna: --data-binary"
	. " 'BEGIN:VCARD\r\nVERSION:3.0\r\nUID:1\r\nFN:Anna\r\nEND:VCARD\r\n'"
	. ' http://127.0.0.1:5232/anna/book/1.vcf', 'an address in Radicale');

sub job {
	my ($action) = @_;
	my $id = json_of('/api/v1/jobs', "-H 'Idempotency-Key: $action'",
		"-H 'Content-Type: application/json'",
		"-d '{\"action\":\"$action\"}'")->{id} // '';
	my $job = {};

	wait_for(sub {
		$job = json_of("/api/v1/jobs/$id");
		return ($job->{state} // '') =~ /^(?:done|failed)/;
	}, 40);
	return $job;
}

my $job = job('radicale-backup');
is($job->{state}, 'done', 'Radicale is backed up')
	or diag(json()->encode($job));
my $backup = json_of('/api/v1/backups')->{backups}[0] // {};
is(api("/api/v1/backups/$backup->{name}", '-o /run/back.zip'
	. ' -w "%{http_code}"'), '200', 'and nginx sends it');
like(shell('unzip -l /run/back.zip', 'a ZIP'), qr!anna/book/1\.vcf!,
	'with the address');
$job = job('verify-cache-clear');
is($job->{state}, 'done', "Postfix's verification cache is cleared")
	or diag(json()->encode($job));
$job = job('index-rebuild');
is($job->{state}, 'done', 'and Dovecot\'s indexes are built')
	or diag(json()->encode($job));

# and away again

step('postconf -X', 'removal');
is(scalar @blocks, 0, 'no step is left');
ok(wait_for(sub { mail('x@spam.example') =~ /^sent/m }, 30),
	'mail is taken as before');
unlike(shell('doveconf -n', 'Dovecot'), qr/service mailportal/,
	'Dovecot has nothing of ours');
is(shell('find /etc /usr/sbin /usr/lib/dovecot /usr/lib/systemd/system'
	. ' /usr/lib/nginx /var/lib /usr/share -maxdepth 4 -name "*mailportal*"'
	. ' | sort', 'what is left'), join('', map { "$_\n" } sort
	'/etc/dovecot/sieve/mailportal-spam.sieve',
	'/etc/dovecot/sieve/mailportal-spam.svbin',
	'/etc/redis/mailportal.conf',
	'/etc/systemd/system/redis-server.service.d/mailportal.conf',
	'/etc/tmpfiles.d/mailportal-redis.conf'),
	'only what the page says is left');

$m->stop();
done_testing();
