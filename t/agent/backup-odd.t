#!/usr/bin/perl

# V26: whatever stands in Radicale's folder, a backup reads nothing that is
# outside of it, waits for nobody, and has names that every program can unpack.

use warnings;
use strict;

use lib 't/lib';

use IO::Socket::UNIX;
use POSIX ();
use Test::More;
use Test::Mailportal qw/ json /;
use Test::Mailportal::Backup;

my $t = Test::Mailportal->new(only => [qw/ redis agent nginx /]);
my $root = $t->dir() . '/data/radicale/collection-root';
my $outside = $t->dir() . '/outside';
my $book = collection($t, 'alice@demo.example', 'book');
my $secret = 'nobody may read this by a backup';

mkdir $outside;
write_raw("$outside/secret.vcf", $secret);
write_raw("$outside/.Radicale.props", qq({"tag": "$secret"}));

# names that can be in a ZIP
my @good = ('plain.vcf', '..%2f..%2fetc%2fpasswd', "Aunt \xc3\x84nne.vcf",
	'...', '-rf', ' ', 'a b.vcf', '$(id).vcf', "'", '*', 'C:name', '~',
	'name.', '%00', "\xe2\x80\xae" . 'fcv.exe', "\xf0\x9f\x98\x80.vcf",
	"\xc3\xa4" x 127, 'x' x 255);
write_raw("$book/$_", "of $_") for @good;

# names that cannot
my @bad = ("a\nb.vcf", "a\rb", "\x1b[2Jc", "\x7f", "\x01", "tab\t",
	'a\\b.vcf', '..\\..\\boot.ini', "\xff.vcf", "\xc0\xaf", "\xed\xa0\x80",
	"cut\xc3");
write_raw("$book/$_", $secret) for @bad;
mkdir "$book/b\nad";
write_raw("$book/b\nad/item.vcf", $secret);

# what is no file
symlink "$outside/secret.vcf", "$book/link.vcf";
symlink '/etc/passwd', "$book/passwd.vcf";
symlink $outside, "$book/folder";
symlink $outside, "$root/mallory\@demo.example";
symlink '/nonexistent', "$book/dangling.vcf";
symlink 'loop', "$book/loop";
POSIX::mkfifo("$book/fifo.vcf", 0666);
my $socket = IO::Socket::UNIX->new(Local => "$book/socket.vcf", Listen => 1);
my @devices = -w '/dev' && !system("mknod '$book/zero.vcf' c 1 5 2>/dev/null")
	? ('zero.vcf') : ();
my $linked = collection($t, 'alice@demo.example', 'linked');
unlink "$linked/.Radicale.props";
symlink "$outside/.Radicale.props", "$linked/.Radicale.props";
my $piped = collection($t, 'alice@demo.example', 'piped');
unlink "$piped/.Radicale.props";
POSIX::mkfifo("$piped/.Radicale.props", 0666);

# what Radicale makes anew
mkdir "$book/$_" for '.Radicale.cache', '.Radicale.tmp-x';
write_raw("$book/$_/item", $secret) for '.Radicale.cache', '.Radicale.tmp-x';

# too deep
my $deep = $book;
mkdir $deep .= "/d$_" for 1 .. 12;
write_raw("$deep/item.vcf", $secret);

# what may not be read
write_raw("$book/mine.vcf", $secret);
chmod 0600, "$book/mine.vcf";
mkdir "$book/closed", 0700;

my $job = make_backup($t);
is($job->{state}, 'done-with-failures', 'what is odd is a failure');
my @errors = @{ $job->{errors} };
my %why = map { $_->{target} => $_->{text} } @errors;
my $at = 'alice@demo.example/book';

is(scalar(grep { /cannot be in a ZIP/ } values %why), @bad + 1,
	'a name that cannot be in a ZIP is named');
ok(exists $why{"$at/a\\x0ab.vcf"}, 'in a form that harms nobody');
like($why{"$at/$_"} // '', qr/is a symbolic link/, "so is a link: $_")
	for qw/ link.vcf passwd.vcf folder dangling.vcf loop /;
like($why{'mallory@demo.example'} // '', qr/is a symbolic link/,
	'also one that is a user');
like($why{'alice@demo.example/linked/.Radicale.props'} // '',
	qr/is a symbolic link/, 'also one that is the props');
like($why{"$at/$_"} // '', qr/is no plain file/, "what is no file: $_")
	for qw/ fifo.vcf socket.vcf /, @devices;
like($why{'alice@demo.example/piped/.Radicale.props'} // '',
	qr/is no plain file/, 'props that are a FIFO keep nobody waiting');
like($why{"$at/d1/d2/d3/d4/d5/d6/d7"} // '', qr/is too deep/,
	'a folder that is too deep');
SKIP: {
	skip 'the agent runs as root', 2 if $t->program('sh', '-c',
		'test "$(stat -c %u /proc/' . $t->pid('agent') . ')" = 0');
	like($why{"$at/mine.vcf"} // '', qr/Permission denied/,
		'a file that may not be read');
	like($why{"$at/closed"} // '', qr/Permission denied/,
		'and such a folder');
}
is($job->{failed}, scalar @errors, 'and nothing else failed');

my $one = backup_of($t, $job);
my $to = unpack_zip($t, download($t, $one->{name})->{body});
is($one->{items}, scalar @good, 'all items with good names are in it');
is(slurp("$to/collection-root/$at/$_"), "of $_", 'as they were') for @good;

my ($rc, $found) = $t->program('grep', '-rlF', $secret, $to);
is($found, '', 'nothing of outside is, or of what was left out');
($rc, $found) = $t->program('grep', '-rl', 'root:x:', $to);
is($found, '', 'nor a file of the system');
my ($bad_names) = ($t->program('/usr/bin/python3', '-c', <<'PYTHON',
import sys, zipfile
for one in zipfile.ZipFile(sys.argv[1]).infolist():
    name = one.filename
    if name.startswith('/') or '\\' in name or '..' in name.split('/') \
            or any(ord(c) < 32 or ord(c) == 127 for c in name) \
            or one.external_attr >> 28 != 8:
        print(repr(name))
PYTHON
	$t->dir() . '/got.zip'))[1];
is($bad_names, '', 'each member is a plain file with a safe name');

# one user by a name that leads elsewhere
for my $user ('mallory@demo.example', '..@demo.example') {
	$job = make_backup($t, $user);
	is($job->{state}, 'failed', "there is no user $user");
	like(backup_text($t, $job), qr/nothing of that user/, 'which is said');
}

# replaced after the folder was listed, while a file before it is read
my $swap = collection($t, 'bob@demo.example', 'swap');
my %kind = map { my $n = $_; map { ("$_$n" => $_) }
	qw/ folder link fifo gone / } 1 .. 12;
for my $name (keys %kind) {
	mkdir "$swap/$name" if $kind{$name} eq 'folder';
	write_raw("$swap/$name", 'before') if $kind{$name} ne 'folder';
}
write_raw("$swap/large.vcf", '');
truncate "$swap/large.vcf", 256 << 20;
my ($seen, @later) = (0);
opendir my $dir, $swap or die "$swap: $!\n";
for (readdir $dir) {
	push @later, $_ if $seen && $kind{$_};
	$seen ||= $_ eq 'large.vcf';
}
my $id = backup_begin($t, 'bob@demo.example');
ok($t->wait_for(sub { grep { (readlink // '') eq "$swap/large.vcf" }
	glob '/proc/' . $t->pid('agent') . '/fd/*' }, 60),
	'a large file is read');
for my $path (map { "$swap/$_" } @later) {
	my ($kind) = map { $kind{ s{.*/}{}r } } $path;
	rmdir $path or unlink $path;
	symlink $kind eq 'folder' ? $outside : "$outside/secret.vcf", $path
		if $kind =~ /folder|link/;
	POSIX::mkfifo($path, 0666) if $kind eq 'fifo';
}
$job = backup_end($t, $id);
%why = map { $_->{target} => $_->{text} } @{ $job->{errors} };
my %want = (folder => qr/was replaced/, link => qr/was replaced/,
	fifo => qr/no plain file/, gone => qr/No such file/);
my %met;
for my $name (@later) {
	my $kind = $kind{$name};
	$met{$kind}++ if ($why{"bob\@demo.example/swap/$name"} // '')
		=~ $want{$kind};
}
is($job->{failed}, scalar @later, 'what was replaced since is left out');
is_deeply(\%met, { map { my $kind = $_; my $n = grep { $kind{$_} eq $kind }
	@later; $n ? ($kind => $n) : () } keys %want },
	'be it a link, a FIFO, or gone, and is named');
$to = unpack_zip($t, download($t, backup_of($t, $job)->{name})->{body});
($rc, $found) = $t->program('grep', '-rlF', $secret, $to);
is($found, '', 'and a link leads nowhere');

$t->done();
