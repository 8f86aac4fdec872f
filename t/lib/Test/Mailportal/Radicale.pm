package Test::Mailportal::Radicale;

# Calendars in the Radicale of a test, made as a client makes them.

use warnings;
use strict;

use Exporter 'import';
use HTTP::Tiny;
use MIME::Base64 qw/ encode_base64 /;

our @EXPORT = qw/ fill /;


# A calendar of a user with so many events.

sub fill {
	my ($t, $user, $count) = @_;
	my $url = 'http://' . $t->env('MP_RADICALE') . "/$user/work/";
	my %auth = (Authorization => 'Basic '
		. encode_base64("$user:" . $t->env('MP_USER_PASSWORD'), ''));
	my $http = HTTP::Tiny->new(timeout => 20);

	_ask($http, MKCALENDAR => $url, \%auth);

	for my $n (1 .. $count // 2) {
		_ask($http, PUT => "$url$n.ics",
			{ %auth, 'Content-Type' => 'text/calendar' },
			join "\r\n", 'BEGIN:VCALENDAR', 'VERSION:2.0',
			'PRODID:-//t//t', 'BEGIN:VEVENT', "UID:$n",
			'DTSTAMP:20260101T000000Z', 'DTSTART:20260102T100000Z',
			"SUMMARY:meeting $n", 'END:VEVENT', 'END:VCALENDAR', '');
	}

	return;
}


sub _ask {
	my ($http, $method, $url, $headers, $content) = @_;
	my $res = $http->request($method, $url, { headers => $headers,
		defined $content ? (content => $content) : () });

	die "$method $url: $res->{status} $res->{content}\n"
		unless $res->{success};
	return;
}


1;
