package Test::Mailportal::Dovecot::Jobs;

# Jobs as an administrator sees them, with nginx before Redis and Dovecot
# behind it; and as many mailboxes as a test wants.

use warnings;
use strict;

use parent 'Test::Mailportal::Dovecot';

use Exporter 'import';

our @EXPORT_OK = qw/ sum_of failures /;

my %MAIL = (maildir => 'maildir:~/Maildir', sdbox => 'sdbox:~/sdbox');
my $serial = 0;


# The options of Test::Mailportal::Dovecot; audit: Dovecot's log tells each
# user that is looked up.  The worker looks at the usage of all at once, and
# does nothing more by itself, unless told to.

sub new {
	my ($class, %opt) = @_;

	$opt{only} //= [qw/ redis dovecot nginx /] unless $opt{redis_of};
	$opt{worker} = { usage_every => '40d', sweep_every => '1s',
		%{ $opt{worker} // {} } };
	$opt{conf} = "auth_debug = yes\n" . ($opt{conf} // '')
		if delete $opt{audit};

	return $class->SUPER::new(%opt);
}


sub up {
	my ($self) = @_;

	$self->SUPER::up();
	$self->ready();
	return $self;
}


# This worker, and no other one before it, has told that it is there, and has
# seen, and written down that it has, the usage of who there was.

sub ready {
	my ($self) = @_;
	my $t = $self->{t};
	my $node = $self->node();

	$self->wait_for(sub {
		my $beat = $self->heartbeat($node) or return;
		my $pid = $self->worker_pid() // return;
		my $sweep = $t->read_file($t->env('MP_WORKER_STATE')
			. '/sweep') // '';
		return $beat->{pid} == $pid && $sweep =~ / [1-9]\d+ \S+$/;
	}, 40, "the worker of $node") or die "no worker\n";
	return $self;
}


# Users u1@domain to as many, each with so many messages; options: messages,
# format (maildir or sdbox), name (of a number), fields (of the userdb), break
# (number => fields).  Dovecot fills the first one, the others are copies.

sub crowd {
	my ($self, $count, $domain, %opt) = @_;
	my $mail = $MAIL{ $opt{format} // 'maildir' } // die "no format\n";
	my $break = $opt{break} // {};
	my $name = $opt{name} // sub { "u$_[0]" };
	my @names = map { $name->($_) . "\@$domain" } 1 .. $count;

	push @{ $self->{order} }, @names;
	for my $number (1 .. $count) {
		$self->{users}{ $names[$number - 1] } = { mail => $mail,
			%{ $opt{fields} // {} }, %{ $break->{$number} // {} } };
	}
	$self->_write_users() or die "no users\n";

	$self->fill($names[0], $opt{messages}) if $opt{messages};
	$self->link_home(@names) if $opt{messages};

	return @names;
}


# Files of messages are never written to again, and are linked.

sub link_home {
	my ($self, $from, @to) = @_;
	my $tree = $self->_tree($self->home($from));

	for my $home (map { $self->home($_) } @to) {
		mkdir "$home$_", 0700 or die "$home$_: $!\n"
			for '', @{ $tree->{dirs} };
		link $tree->{home} . $_, "$home$_" or die "$home$_: $!\n"
			for @{ $tree->{links} };
		$self->_put("$home$_", $tree->{files}{$_}, 0600)
			for keys %{ $tree->{files} };
		chown 5000, 5000, $home, map { "$home$_" }
			@{ $tree->{dirs} }, keys %{ $tree->{files} };
	}

	return;
}


sub _tree {
	my ($self, $home) = @_;
	my %tree = (home => $home, dirs => [], links => [], files => {});

	File::Find::find({ no_chdir => 1, wanted => sub {
		my $name = substr $_, length $home;
		if (-d) {
			push @{ $tree{dirs} }, $name if $name ne '';
		} elsif ($name =~ m!/(?:cur|new)/[^/]+$|/u\.\d+$!) {
			push @{ $tree{links} }, $name;
		} elsif ($name !~ /\.lock$/) {
			$tree{files}{$name} = $self->{t}->read_file($_);
		}
	} }, $home);

	return \%tree;
}


# The API

sub cookie { return $_[0]{cookie} //= $_[0]{t}->role('MasterAdmin'); }


sub ask {
	my ($self, $method, $path, %opt) = @_;

	return $self->{t}->api($method, $path, cookie => $self->cookie(), %opt);
}


# POST /jobs; key is the Idempotency-Key, a new one unless it is given.

sub post {
	my ($self, $action, %opt) = @_;
	my $key = delete $opt{key} // sprintf 'key-%d-%d', $$, ++$serial;
	my $query = delete $opt{dry_run} ? '?dry_run=1' : '';

	return $self->ask(POST => "/jobs$query",
		json => { action => $action, %opt },
		headers => { 'Idempotency-Key' => $key });
}


# The same, for the id of what must be taken.

sub begin {
	my ($self, $action, %opt) = @_;
	my $res = $self->post($action, %opt);

	die "POST /jobs: $res->{status} $res->{body}\n"
		if $res->{status} != 202;
	return $res->{json}{id};
}


sub get {
	my ($self, $id) = @_;
	my $res = $self->ask(GET => "/jobs/$id");

	die "GET /jobs/$id: $res->{status} $res->{body}\n"
		if $res->{status} != 200;
	return $res->{json};
}


sub cancel { my ($self, $id) = @_; return $self->ask(DELETE => "/jobs/$id"); }


# GET /jobs/{id} until $sub says so of it, or undef.

sub get_when {
	my ($self, $id, $sub, $seconds, $what) = @_;
	my $job;

	return $job if $self->wait_for(sub {
		$job = $self->get($id);
		return $sub->($job);
	}, $seconds // 40, $what);

	Test::More::diag(Test::More::explain($job // "no job $id"));
	return;
}


sub get_end {
	my ($self, $id, $seconds) = @_;

	return $self->get_when($id, sub {
		$_[0]{state} !~ /^(?:queued|running)$/;
	}, $seconds, "the end of $id");
}


sub run {
	my ($self, @job) = @_;

	return $self->get_end($self->begin(@job));
}


# "done 10 10 0 0": state, total, done, failed, skipped.

sub sum_of {
	my ($job) = @_;

	return join ' ', map { $job->{$_} // '-' }
		qw/ state total done failed skipped /;
}


sub failures {
	my ($job) = @_;

	return join "\n", map { ($_->{target} // 'all') . ": $_->{text}" }
		@{ $job->{errors} };
}


# The worker has taken all that is in its queue.

sub has_read_all {
	my ($self) = @_;
	my $queue = 'mp:{jobs}:dovecot';

	return $self->wait_for(sub {
		my $last = $self->redis('XREVRANGE', $queue, '+', '-',
			'COUNT', 1)->[0][0];
		my ($group) = grep { $_->{name} eq $self->node() }
			map { +{ @$_ } } @{ $self->redis('XINFO', 'GROUPS',
			$queue) };
		return $group->{'last-delivered-id'} eq $last
			&& $group->{pending} == 0;
	}, 20, 'the worker to read its queue');
}


# What Dovecot itself tells, from a place in its log on, as name to times.
#
# Users that lanes have looked up, with audit.  The worker's own looks at the
# usage are among them.

sub log_end { my ($self) = @_; return -s $self->{t}->log_file('dovecot'); }


sub looked_up {
	my ($self, $from) = @_;

	return $self->_told($from,
		qr/master in: USER\t\d+\t([^\t\n]+)\tservice=mailportal\b/);
}


# Users with sdbox whose INBOX was built anew.

sub rebuilt {
	my ($self, $from) = @_;
	my $told = $self->_told($from,
		qr!/data/mail/(\S+?)/sdbox/mailboxes/INBOX.*: Rebuilding index!);

	return { map { m!(.*)/(.*)! ? ("$2\@$1" => $told->{$_}) : () }
		keys %$told };
}


sub _told {
	my ($self, $from, $re) = @_;
	my %times;

	open my $fh, '<:raw', $self->{t}->log_file('dovecot') or return {};
	seek $fh, $from // 0, 0;
	while (my $line = readline $fh) {
		$times{$1}++ if $line =~ $re;
	}

	return \%times;
}


# Processes

sub state_of {
	my ($self, $pid) = @_;
	my $stat = $self->{t}->read_file("/proc/$pid/stat") // '';

	return $stat =~ /\) (\S)/ ? $1 : '';
}


1;
