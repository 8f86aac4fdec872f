package Bench::Portal;

# The servers that several measurements share: the portal's own, with a
# million blocked domains, and an nginx beside them with one worker, where
# ours and theirs answer side by side.

use warnings;
use strict;

use Time::HiRes qw/ time /;

use Test::Bench qw/ domain_names finish pin prefer spawn wait_until write_lines /;
use Test::Mailportal;

our $MILLION = $ENV{BENCH_DOMAINS} // 1_000_000;

my ($portal, $names, $loaded, $nginx);


my @servers = qw/ redis rspamd milter dovecot postfix nginx /;


sub portal {
	return $portal //= Test::Mailportal->new(only => \@servers);
}


# Servers have sessions of their own, and a restart makes a new one.

sub prefer_servers {
	my $t = portal();

	prefer(-15, grep { defined } map { $t->pid($_) } @servers);
	return;
}


sub names { return $names //= domain_names($MILLION); }


# Domains that are on no list, for senders that are looked up in vain.

sub strangers {
	my $file = portal()->dir() . '/strangers';

	return -e $file ? $file : write_lines($file,
		domain_names(100_000, 'z7'));
}


# Loads the blacklist through the API; returns seconds and the answer.

sub load_million {
	my $t = portal();

	return $loaded if $loaded;

	my $text = join('', map { "$_\n" } @{ names() });
	my $cookie = $t->role('MasterAdmin');
	my $begin = time;
	my $res = $t->api(POST => '/lists/blacklist/import', body => $text,
		type => 'text/plain', cookie => $cookie, timeout => 120);
	my $seconds = time - $begin;

	die "import: $res->{status} $res->{body}\n" if $res->{status} != 200;
	die "import: $res->{json}{added} of $MILLION added\n"
		if $res->{json}{added} != $MILLION;

	return $loaded = { seconds => $seconds, added => $MILLION };
}


# An nginx with one worker on a processor of its own; Redis is beside the
# load.

sub nginx {
	my ($body) = @_;

	return $nginx if $nginx;

	my $t = portal();
	my $dir = $t->dir();
	my $port = $t->base() + 10;
	my $conf = $t->write_file('bench-nginx.conf',
		_nginx_conf($t, $port, $body));
	my $log = $t->log_file('bench-nginx');

	chmod 0644, $t->write_file('bench.lua', _lua($t));
	my $pid = spawn($log, '/usr/sbin/nginx', '-p', $dir, '-c', $conf,
		'-e', $log, '-g', 'daemon off;');
	wait_until('the nginx of the measurements', sub {
		waitpid($pid, 1) > 0 and die 'nginx: ' . $t->read_file($log);
		my $res = eval { Test::Mailportal::HTTP::request('127.0.0.1',
			$port, GET => '/same') };
		return $res && $res->{status} == 200;
	});

	my ($worker) = map { /(\d+)/ }
		split /\n/, `pgrep -P $pid -f 'worker process'`;
	pin($Test::Bench::SERVER_CPU, $worker);
	pin($Test::Bench::LOAD_CPU, $t->pid('redis'));
	prefer_servers();

	return $nginx = { url => "http://127.0.0.1:$port", pid => $pid,
		worker => $worker, port => $port };
}


# A program that is stopped at the end, whatever happens.

END {
	my $status = $?;
	finish($nginx->{pid}, 'TERM') if $nginx;
	$? = $status;
}


sub _nginx_conf {
	my ($t, $port, $body) = @_;
	my ($dir, $build) = ($t->dir(), $t->build());
	my ($modules) = $t->read_file("$Test::Mailportal::ROOT/build/config.mk")
		=~ /^NGINX_MODULES = (.*)/m;

	return <<"END";
load_module $modules/ndk_http_module.so;
load_module $modules/ngx_http_lua_module.so;
load_module $build/ngx_http_mailportal_module.so;
user www-data;
worker_processes 1;
pid $dir/run/bench-nginx.pid;
thread_pool mailportal threads=2 max_queue=32;
events { worker_connections 1024; }
http {
    access_log off;
    keepalive_requests 1000000;
    client_body_temp_path $dir/bench-body;
    proxy_temp_path $dir/bench-proxy;
    fastcgi_temp_path $dir/bench-fastcgi;
    uwsgi_temp_path $dir/bench-uwsgi;
    scgi_temp_path $dir/bench-scgi;
    default_type application/json;
    lua_package_path "/usr/share/lua/5.1/?.lua;;";
    mailportal_redis unix:$dir/run/redis.sock user=mp-api
        password_file=$dir/secrets/redis-mp-api.pw;
    mailportal_node bench;
    mailportal_thread_pool mailportal;
    mailportal_public_key $dir/secrets/portal.pub;
    set_real_ip_from 127.0.0.1;
    real_ip_header X-Client;
    server {
        listen 127.0.0.1:$port;
        location /api/v1/ { mailportal_api; }
        location = /open { mailportal_settings; }
        location = /same { return 200 '$body'; }
        location = /lua { content_by_lua_file $dir/bench.lua; }
    }
}
END
}


# GET /session with lua-nginx-redis, step by step what ours does: the cookie,
# its SHA-256 (by the libcrypto that nginx is linked with), the session's
# fields by a pooled connection, the checks, the same document and headers.

sub _lua {
	my ($t) = @_;
	my $dir = $t->dir();
	my $password = $t->read_file('secrets/redis-mp-api.pw') =~ s/\n.*//sr;

	return <<"END";
local redis = require "nginx.redis"
local ffi = require "ffi"
local bit = require "bit"
if not bench_sha256 then
    ffi.cdef "unsigned char *SHA256(const char *, size_t, unsigned char *);"
    bench_sha256 = ffi.new("unsigned char[32]")
end

local token = ngx.var["cookie___Host-mailportal"]
if not token or #token ~= 43 then
    return ngx.exit(401)
end
ffi.C.SHA256(token, #token, bench_sha256)
local hex = {}
for i = 0, 31 do
    hex[i + 1] = bit.tohex(bench_sha256[i], 2)
end

local red = redis:new()
red:set_timeout(1000)
assert(red:connect("unix:$dir/run/redis.sock"))
if red:get_reused_times() == 0 then
    assert(red:auth("mp-api", "$password"))
end
local session = assert(red:hmget("mp:{sess}:" .. table.concat(hex), "user",
    "role", "created", "seen", "settings"))
red:set_keepalive(60000, 64)

local created = tonumber(session[3])
if session[1] == ngx.null or not created
    or ngx.time() >= created + 28800 then
    return ngx.exit(401)
end
local body = '{"username":"' .. session[1] .. '","role":"' .. session[2]
    .. '","expires_at":"' .. os.date("!%Y-%m-%dT%H:%M:%SZ", created + 28800)
    .. '"}'
ngx.header["Content-Type"] = "application/json; charset=utf-8"
ngx.header["Content-Length"] = #body
ngx.header["Cache-Control"] = "no-store"
ngx.header["X-Content-Type-Options"] = "nosniff"
ngx.header["X-Request-Id"] = ngx.var.request_id
ngx.print(body)
END
}


# A signed-in administrator's cookie.

sub cookie { return portal()->role('MasterAdmin'); }


1;
