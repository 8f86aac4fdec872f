#!/usr/bin/perl

# The API describes itself: /openapi.json and /schema.

use warnings;
use strict;

use Test::More;

use lib 't/lib';
use Test::Mailportal;

my $t = Test::Mailportal->new();
my $cookie = $t->role('DomainAdmin');

my $res = $t->api(GET => '/openapi.json', cookie => $cookie);
is($res->{status}, 200, 'the description is there for any administrator');
my $api = $res->{json} // {};
is($api->{openapi}, '3.1.0', 'in OpenAPI 3.1');
like($api->{info}{version}, qr/^\d+\.\d+/, 'with the version');
is($api->{servers}[0]{url}, '/api/v1', 'and where it is');


# equal to the table in the source

my %table;
my $source = '';
open my $fh, '<', 'ngx_mailportal_module/ngx_http_mailportal_route.c'
	or die "route.c: $!\n";
{ local $/; $source = <$fh>; }

$table{lc($1) . " /$2"} = $3 while $source
	=~ /\{ NGX_HTTP_(\w+), ngx_string\("([^"]+)"\),\s*NGX_HTTP_MAILPORTAL_(\w+),/g;

my %role = (NOBODY => 'none', DOMAIN => 'DomainAdmin',
	MASTER => 'MasterAdmin');
my %described;

for my $path (sort keys %{ $api->{paths} }) {
	$described{"$_ $path"} = $api->{paths}{$path}{$_}
		for keys %{ $api->{paths}{$path} };
}

is(join("\n", sort keys %described), join("\n", sort keys %table),
	'every route is described, and nothing else');
is($described{$_}{'x-role'}, $role{$table{$_}}, "$_ names its role")
	for sort keys %table;


# its shape

for my $name (sort keys %described) {
	my $op = $described{$name};
	my @bad;

	push @bad, 'no summary' unless length($op->{summary} // '');
	push @bad, 'no success' unless $op->{responses}{'2XX'};

	for my $status (keys %{ $op->{responses} }) {
		push @bad, "status $status" if $status !~ /^(?:2XX|4\d\d|5\d\d)$/;
		push @bad, "$status without a description"
			unless length $op->{responses}{$status}{description};
	}

	my %named = map { $_->{name} => 1 }
		grep { $_->{in} eq 'path' } @{ $op->{parameters} };
	push @bad, "{$_} is not described"
		for grep { !$named{$_} } $name =~ /\{(\w+)\}/g;

	push @bad, 'parameter' for grep {
		!length($_->{name}) || $_->{in} !~ /^(?:path|query|header)$/
		|| !$_->{schema}{type} } @{ $op->{parameters} };
	push @bad, 'no body' if $name =~ /^(?:put|patch)/
		&& !$op->{requestBody};
	push @bad, 'session' if ($op->{'x-role'} ne 'none')
		!= (@{ $op->{security} } > 0);
	push @bad, 'no 401' if $op->{'x-role'} ne 'none'
		&& !$op->{responses}{401};
	push @bad, 'no 403' if $op->{'x-role'} eq 'MasterAdmin'
		&& !$op->{responses}{403};

	is(join(', ', @bad), '', "$name is described whole");
}

is(join(' ', grep { my $body = $described{$_}{requestBody};
	$body && !$body->{required} } sort keys %described),
	'put /lists/{list}/entries/{entry}', 'only its body may be left out');
ok($described{'patch /settings'}{responses}{$_},
	"a PATCH of the settings can be a $_") for 412, 415, 422, 428, 503;
ok($described{'post /session'}{responses}{429}, 'a sign-in can be a 429');
my $post = $described{'post /jobs'};
ok($post->{responses}{$_}, "a job can be a $_") for 409, 422, 428, 503, 504;
is(join(' ', map { "$_->{in} $_->{name} $_->{required}" }
	@{ $post->{parameters} }),
	'header Idempotency-Key 1 query dry_run 0', 'with what it takes');
my $body = $post->{requestBody}{content}{'application/json'}{schema};
is(join(' ', sort keys %{ $body->{properties} }),
	'action junk_days rate target trash_days', 'and the members of its body');
is("@{ $body->{required} }", 'action', 'of which one is needed');
is(join(' ', map { $_->{name} }
	@{ $described{'get /jobs/{id}/events'}{parameters} }),
	'id Last-Event-ID', 'its events go on where they were');

ok($api->{components}{schemas}{Problem}{properties}{code},
	'a problem is described once');


# what is described is read, and what is read is described

my %read;
for my $file (glob('ngx_mailportal_module/*.c')) {
	open my $c, '<', $file or die "$file: $!\n";
	local $/;
	my $text = <$c>;
	$read{$_} = 1 for $text =~ /_arg(?:_number)?\(r,\s*"(\w+)"/g;
}

my %query = map { $_->{name} => 1 } grep { $_->{in} eq 'query' }
	map { @{ $_->{parameters} } } values %described;
is(join(' ', sort keys %query), join(' ', sort keys %read),
	'the arguments of queries are those that are read');

my %sample = (list => 'whitelist', service => 'postfix');
my $master = $t->role('MasterAdmin');

for my $name (grep { /^get / } sort keys %described) {
	my $path = $name =~ s/^get //r =~ s/\{(\w+)\}/$sample{$1} \/\/ 'x'/ger;

	for my $arg (grep { $_->{in} eq 'query' && $_->{schema}{type} =~ /^(?:integer|number)$/ }
		@{ $described{$name}{parameters} })
	{
		my $more = $path eq '/explain' ? '&sender=a@b.example' : '';
		my $bad = $t->api(GET => "$path?$arg->{name}=x$more",
			cookie => $master);
		is("$bad->{status} " . ($bad->{json}{errors}[0]{field} // ''),
			"422 $arg->{name}", "$name refuses a $arg->{name} that is none");
	}
}


# /schema: the form of the settings page

$res = $t->api(GET => '/schema', cookie => $cookie);
is($res->{status}, 200, 'the schema is there for any administrator');
my %group = map { $_->{id} => $_ } @{ $res->{json}{groups} };
is(join(' ', map { $_->{id} } @{ $res->{json}{groups} }),
	'antispam system_mailer clearing relayhost imap_master',
	'its groups are in the order of the page');

my ($reject) = grep { $_->{id} eq 'reject' } @{ $group{antispam}{settings} };
is($reject->{type}, 'score', 'a setting has its type');
is("$reject->{default} $reject->{min} $reject->{max}", '10 0 999',
	'its default and limits');
isnt($reject->{label}, '', 'its label');

my $settings = $t->api(GET => '/settings', role => 'MasterAdmin')->{json};
my @missing;

for my $g (values %group) {
	for my $s (@{ $g->{settings} }) {
		my $name = $s->{type} eq 'secret' ? "$s->{id}_set" : $s->{id};
		push @missing, "$g->{id}.$name"
			unless exists $settings->{$g->{id}}{$name};
	}
}

is("@missing", '', 'every setting of the schema is in the settings');

$t->done();
