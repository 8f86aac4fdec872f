package Bench::Backup;

# A backup of Radicale beside Info-ZIP over the same tree.

use warnings;
use strict;

use Test::Bench qw/ alternate prefer wait_until /;
use Test::Mailportal;
use Time::HiRes qw/ sleep time /;

my $ITEMS = $ENV{BENCH_ITEMS} // 20_000;
my $FOLDER = 500;
my $ROUNDS = $ENV{BENCH_BACKUP_ROUNDS} // 5;


# Cards of usual size, in folders of some hundred.

sub _fill {
	my ($root) = @_;

	for my $n (0 .. $ITEMS - 1) {
		my $user = sprintf 'user%d@demo.example', $n / $FOLDER;
		my $dir = "$root/$user/contacts";

		if ($n % $FOLDER == 0) {
			mkdir $_ for "$root/$user", $dir;
			_write("$dir/.Radicale.props", '{"tag": "VADDRESSBOOK"}');
		}
		_write("$dir/card$n.vcf", join "\r\n", 'BEGIN:VCARD',
			'VERSION:3.0', "UID:card$n", "FN:Person $n",
			map({ "TEL;TYPE=WORK:+49 $n $_" } 1 .. 20),
			'NOTE:' . join('', map { chr 97 + rand 26 } 1 .. 500),
			'END:VCARD', '');
	}

	return;
}


sub _write {
	my ($path, $bytes) = @_;

	open my $fh, '>', $path or die "$path: $!\n";
	print {$fh} $bytes;
	close $fh;
	return;
}


sub _job {
	my ($t, $key) = @_;
	my $begin = time;
	my $res = $t->api(POST => '/jobs', role => 'MasterAdmin',
		headers => { 'Idempotency-Key' => $key },
		json => { action => 'radicale-backup' });
	my $id = $res->{json}{id} // die "jobs: $res->{body}\n";

	wait_until('a backup', sub {
		sleep 0.01;
		$t->api(GET => "/jobs/$id", role => 'MasterAdmin')->{json}{state}
			=~ /^done/;
	});
	return { per_second => $ITEMS / (time() - $begin) };
}


sub _zip {
	my ($t, $root, $n) = @_;
	my $file = $t->dir() . "/info-zip$n.zip";
	my $begin = time;

	system('zip', '-q', '-r', $file, $root) == 0 or die "zip failed\n";
	my $seconds = time() - $begin;
	unlink $file;
	return { per_second => $ITEMS / $seconds };
}


sub backup {
	my ($bench) = @_;
	my $t = Test::Mailportal->new(only => [qw/ redis agent nginx /]);
	my $root = $t->dir() . '/data/radicale/collection-root';
	my ($ours, $theirs) = (0, 0);

	mkdir $_ for $t->dir() . '/data/radicale', $root;
	_fill($root);

	# they have sessions of their own; zip is in ours, which is preferred
	prefer(-15, map { $t->pid($_) } qw/ redis agent nginx /);

	my $results = alternate($ROUNDS,
		ours => sub { _job($t, 'b' . ++$ours) },
		zip => sub { _zip($t, $root, ++$theirs) });
	my ($peak) = ($t->read_file('/proc/' . $t->pid('agent') . '/status')
		// '') =~ /^VmHWM:\s+(\d+)/m;

	$bench->ratio($results, 'ours', 'zip', name => 'backup', at_least => 0.8,
		what => "backup of $ITEMS items / zip -r");
	$bench->result(name => 'backup-memory', unit => 'MiB', at_most => 32,
		value => $peak / 1024, what => 'memory of the agent at most');
	return;
}


1;
