package Test::Mailportal::Worker;

# What tests of the worker ask of a Test::Mailportal::Dovecot: its journal,
# its status, and users at whom a lane waits.

use warnings;
use strict;

use Exporter 'import';
use Time::HiRes qw/ sleep /;

our @EXPORT = qw/ state journal_file done_lines once_each status busy
	hold release quiet hold_redis resume_redis push_raw /;


sub state { my ($d) = @_; return $d->t()->env('MP_WORKER_STATE'); }


sub journal_file {
	my ($d, $id, $name) = @_;

	return state($d) . "/jobs/$id/$name";
}


# [index, kind] of each line about a user's end

sub done_lines {
	my ($d, $id) = @_;
	my $text = $d->t()->read_file(journal_file($d, $id, 'done')) // '';

	return map { [$_->[0], $_->[1]] }
		grep { @$_ > 1 && $_->[0] =~ /^\d+$/ && $_->[1] ne 'item' }
		map { [split /\t/] } map { s/^\+//r } split /\n/, $text;
}


# "" when each of $total users is in the journal once; otherwise what is not

sub once_each {
	my ($d, $id, $total) = @_;
	my %seen;

	$seen{$_->[0]}++ for done_lines($d, $id);
	my @none = grep { !$seen{$_} } 0 .. $total - 1;
	my @more = grep { $seen{$_} > 1 || $_ >= $total } sort keys %seen;

	return join '; ', (@none ? "left out: @none" : ()),
		(@more ? "more than once: @more" : ());
}


sub status {
	my ($d) = @_;
	my ($rc, $out) = $d->doveadm('mailportal', 'status');

	return $out;
}


# How many lanes are at work.

sub busy {
	my ($d) = @_;

	return status($d) =~ /(\d+) at work/ ? $1 : -1;
}


# A lane that comes to this user's Maildir waits for the lock of its list of
# messages, up to two minutes; by is who has it, a process of another host.

sub hold {
	my ($d, $user, $by) = @_;
	my $root = $d->root($user);

	open my $fh, '>', "$root/dovecot-uidlist.lock"
		or die "$root: $!\n";
	print $fh $by // "1:elsewhere\n";
	close $fh;
	$d->own($user);
	return;
}


sub release {
	my ($d, $user) = @_;

	unlink $d->root($user) . '/dovecot-uidlist.lock';
	return;
}


# The worker's first look at the usage of all mailboxes is over, and will not
# be repeated when it is killed: no lane is at work but for what a test wants.

sub quiet {
	my ($d) = @_;

	return $d->wait_for(sub { -s state($d) . '/sweep' }, 30,
		'the first look at the usage of mailboxes');
}


# While Redis is held, what a job came to stays in its journal.

sub hold_redis { my ($d) = @_; return kill 'STOP', $d->t()->pid('redis'); }
sub resume_redis { my ($d) = @_; return kill 'CONT', $d->t()->pid('redis'); }


# An entry of the queue as it is given.

sub push_raw {
	my ($d, @fields) = @_;

	return $d->redis('XADD', 'mp:{jobs}:dovecot', '*', @fields);
}


1;
