package Bench::Http;

# What nginx answers from the worker's snapshot, from Redis, and while it
# hashes passwords.

use warnings;
use strict;

use Bench::Portal;
use Test::Bench qw/ alternate median pin spawn wrk /;


sub import_million {
	my ($bench) = @_;
	my $loaded = Bench::Portal::load_million();

	$bench->result(name => 'import-1M', unit => 's',
		what => 'import of a million lines', at_most => 15,
		value => $loaded->{seconds}, raw => $loaded);
	return;
}


sub _settings_body {
	my $t = Bench::Portal::portal();
	my $res = $t->api(GET => '/settings', role => 'MasterAdmin');

	die "GET settings: $res->{status}\n" if $res->{status} != 200;
	return $res->{body};
}


sub settings {
	my ($bench) = @_;
	my $nginx = Bench::Portal::nginx(_settings_body());
	my $cookie = Bench::Portal::cookie();
	my @how = (pids => [$nginx->{worker}]);

	my $results = alternate($bench->rounds(),
		session => sub { wrk("$nginx->{url}/api/v1/settings", @how,
			headers => ["Cookie: $cookie"]) },
		open => sub { wrk("$nginx->{url}/open", @how) },
		return200 => sub { wrk("$nginx->{url}/same", @how) });

	$bench->ratio($results, 'session', 'return200', at_least => 0.6,
		name => 'settings-session',
		what => 'GET settings with a session / return 200');
	$bench->ratio($results, 'open', 'return200', at_least => 0.9,
		name => 'settings-open',
		what => 'GET settings without session check / return 200');
	return;
}


sub uncached {
	my ($bench) = @_;
	my $nginx = Bench::Portal::nginx(_settings_body());
	my $cookie = Bench::Portal::cookie();
	my @how = (pids => [$nginx->{worker}],
		headers => ["Cookie: $cookie"]);
	my ($ours, $lua) = map { Test::Mailportal::HTTP::request('127.0.0.1',
		$nginx->{port}, GET => $_, cookie => $cookie)->{body} }
		qw{ /api/v1/session /lua };

	die "two answers:\n$ours\n$lua\n" if $ours ne $lua;

	my $results = alternate($bench->rounds(),
		ours => sub { wrk("$nginx->{url}/api/v1/session", @how) },
		lua => sub { wrk("$nginx->{url}/lua", @how) });

	$bench->ratio($results, 'ours', 'lua', at_least => 2,
		name => 'uncached',
		what => 'one Redis read a request / lua-nginx-redis');
	return;
}


# Four clients that sign in without a pause, each time from an address of its
# own, so that no throttle spares the work.

sub _signin_script {
	my $t = Bench::Portal::portal();
	my $json = Test::Mailportal::json()->encode({
		username => $t->env('MP_ADMIN'),
		password => $t->env('MP_ADMIN_PASSWORD') });

	return $t->write_file('signin.lua', <<"END");
wrk.method = "POST"
wrk.body = [[$json]]
wrk.headers["Content-Type"] = "application/json"
wrk.headers["Sec-Fetch-Site"] = "same-origin"
local n = 0
function request()
    n = n + 1
    wrk.headers["X-Client"] = string.format("10.%d.%d.1",
        math.floor(n / 250) % 250, n % 250)
    return wrk.format()
end
END
}


sub signin {
	my ($bench) = @_;
	my $t = Bench::Portal::portal();
	my $nginx = Bench::Portal::nginx(_settings_body());
	my $cookie = Bench::Portal::cookie();
	my $script = _signin_script();
	my $seconds = $bench->rounds() * $bench->seconds();
	my $log = $t->log_file('bench-signin');
	my @how = (connections => 4, headers => ["Cookie: $cookie"]);

	# hashing threads and worker share the machine, not one processor
	pin('0-' . ($bench->cpus() - 1), $nginx->{worker});

	my $pid = spawn($log, 'wrk', '-t1', '-c4', "-d${seconds}s",
		'-s', $script, "$nginx->{url}/api/v1/session");
	my @busy = map { wrk("$nginx->{url}/api/v1/settings", @how) }
		1 .. $bench->rounds() - 1;
	waitpid $pid, 0;
	pin($Test::Bench::SERVER_CPU, $nginx->{worker});
	my @calm = map { wrk("$nginx->{url}/api/v1/settings", @how) } 1 .. 2;

	my $signins = $t->read_file($log);
	my ($count) = $signins =~ /(\d+) requests in/;
	die "no sign-ins: $signins" if !$count || $signins =~ /Non-2xx/;

	$bench->result(name => 'signin', unit => 'ms', at_most => 10,
		what => 'p99 of others while 4 sign-ins run all the time',
		value => median(map { $_->{p99_ms} } @busy),
		raw => { signins => $count, seconds => $seconds,
			busy => \@busy, calm => \@calm });
	return;
}


1;
