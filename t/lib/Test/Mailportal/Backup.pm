package Test::Mailportal::Backup;

# Backups of Radicale, as an administrator makes, fetches and removes them.

use warnings;
use strict;

use Exporter 'import';
use File::Path qw/ make_path /;
use Test::More ();
use Test::Mailportal qw/ json /;

our @EXPORT = qw/ backups backup_begin backup_end backup_of backup_state backup_text
	collection download make_backup slurp unpack_zip write_raw /;

my $keys = 0;


sub _master {
	my ($t, $method, $path, %opt) = @_;

	return $t->api($method => $path, role => 'MasterAdmin', %opt);
}


# A job of all, or of one user; its id.

sub backup_begin {
	my ($t, $target) = @_;
	my $res = _master($t, POST => '/jobs',
		headers => { 'Idempotency-Key' => "backup-$$-" . ++$keys },
		json => { action => 'radicale-backup',
			($target ? (target => $target) : ()) });

	return $res->{json}{id} // die "jobs: $res->{body}\n";
}


sub backup_state {
	my ($t, $id) = @_;

	return _master($t, GET => "/jobs/$id")->{json}{state} // '';
}


sub backup_end {
	my ($t, $id, $seconds) = @_;
	my $job = {};

	$t->wait_for(sub {
		$job = _master($t, GET => "/jobs/$id")->{json};
		$job->{state} =~ /^(done|failed|cancelled)/;
	}, $seconds // 120, "the end of the job $id");
	return $job;
}


sub make_backup {
	my ($t, $target) = @_;

	return backup_end($t, backup_begin($t, $target));
}


# The entry of the list that a job has made.

sub backup_of {
	my ($t, $job) = @_;
	my ($name) = split /:/, $job->{result}{items}[0]{text} // '';

	return (grep { $_->{name} eq $name } backups($t))[0] // {};
}


# What this node says of a job.

sub backup_text {
	my ($t, $job) = @_;

	return $job->{nodes}{ $t->env('MP_NODE') }{text} // '';
}


sub backups {
	my ($t) = @_;

	return @{ _master($t, GET => '/backups')->{json}{backups} };
}


sub download {
	my ($t, $name, %headers) = @_;

	return _master($t, GET => "/backups/$name", headers => \%headers);
}


# A ZIP, unpacked after three programs found no fault; where.

sub unpack_zip {
	my ($t, $bytes) = @_;
	my $file = $t->write_file('got.zip', $bytes);
	# in another one unzip writes the names as it can
	local $ENV{LC_ALL} = 'C.UTF-8';
	my ($rc, $out) = $t->program('unzip', '-t', '-q', $file);

	Test::More::is($rc, 0, 'unzip -t finds no fault')
		or Test::More::diag($out);
	($rc, $out) = $t->program('/usr/bin/python3', '-c',
		'import sys, zipfile; z = zipfile.ZipFile(sys.argv[1]);'
		. 'assert z.testzip() is None; print(len(z.namelist()))',
		$file);
	Test::More::is($rc, 0, 'nor does Python') or Test::More::diag($out);

	my $to = $t->dir() . '/unpacked' . ++$keys;
	$t->program('unzip', '-q', '-d', $to, $file);
	my ($sums, $said) = $t->program('sh', '-c',
		"cd $to && sha256sum --quiet -c SHA256SUMS");
	Test::More::is($sums, 0, 'the sums in it are right')
		or Test::More::diag($said);
	return $to;
}


# A collection that nobody made by a client: its folder.

sub collection {
	my ($t, $user, $name, $props) = @_;
	my $folder = $t->dir()
		. "/data/radicale/collection-root/$user/$name";

	make_path($folder);
	write_raw("$folder/.Radicale.props",
		$props // '{"tag": "VADDRESSBOOK"}');
	return $folder;
}


sub write_raw {
	my ($file, $bytes) = @_;

	open my $fh, '>:raw', $file or die "$file: $!\n";
	print {$fh} $bytes;
	close $fh or die "$file: $!\n";
	return;
}


sub slurp {
	my ($file) = @_;

	open my $fh, '<:raw', $file or return;
	local $/;
	return scalar <$fh>;
}


1;
