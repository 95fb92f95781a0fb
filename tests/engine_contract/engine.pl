#!/usr/bin/perl
# A small engine in another language, for the tests of the engine protocol (docs/engine-protocol.md).
# It needs no Redis, no MariaDB and no salo.toml: one job at a time on descriptor 3, VK by HTTP, the rest by asking.
use strict;
use warnings;
use utf8;
use Digest::SHA qw(sha256);
use HTTP::Tiny;
use JSON::PP ();
use Time::HiRes qw(sleep time);

my $REPORT_S = 0.3;       # of the deadline kept for the verdict
my $PART_MAX = 4096;
my %LOST     = map { $_ => 1 } 18, 30, 113, 900, 901, 902, 917, 936;    # nobody is there: drop
my %LATER    = map { $_ => 1 } 1, 9, 10;
my %BOT_RESTS = map { $_ => 1 } 5, 6, 14, 28, 29, 1117;

my $api  = $ENV{SALO_API_URL}     || 'https://api.vk.ru';
my $v    = $ENV{SALO_API_VERSION} || '5.199';
my $json = JSON::PP->new->utf8;
$SIG{PIPE} = 'IGNORE';
open(my $platform, '+<&=', 3) or die "descriptor 3: $!\n";
binmode $platform;

while (defined(my $line = <$platform>)) {
    my $job = eval { $json->decode($line) };
    last if !$job || ref $job ne 'HASH' || !defined $job->{job};    # a broken line ends us
    $job->{ends}  = time + ($job->{deadline_ms} || 1000) / 1000 - $REPORT_S;
    $job->{used}  = 0;
    $job->{asked} = 0;
    my $verdict = eval { handle($job) };
    if (!$verdict) {
        my $error = $@;
        $verdict = ref $error eq 'HASH' ? $error : { verdict => 'retry', reason => 'it died', trace => "$error" };
    }
    write_line($job, { %$verdict, slots_used => $job->{used} });
}

# One line to the platform.
sub write_line {
    my ($job, $object) = @_;
    my $line = $json->encode({ %$object, job => $job->{job} }) . "\n";
    while (length $line) {
        my $taken = syswrite $platform, $line;
        exit 0 if !defined $taken;
        substr($line, 0, $taken, '');
    }
}

# A question to the platform, and its answer. Dies with a verdict when there is none to go on with.
sub ask {
    my ($job, %what) = @_;
    write_line($job, { ask => { id => ++$job->{asked}, %what } });
    my $line = <$platform>;
    exit 0 if !defined $line;
    my $answer = $json->decode($line)->{answer};
    die { verdict => 'retry', outage => JSON::PP::true, reason => "$answer->{error}: $answer->{text}" }
        if $answer->{error};
    return $answer;
}

sub handle {
    my ($job) = @_;
    return { verdict => 'fail', reason => "kind $job->{kind} is not known to this engine" } if $job->{kind} ne 'answer';
    my $event = $job->{event};
    my $type  = $event->{type} || '';
    return button($job, $event->{object}) if $type eq 'message_event';
    my $message = ref $event->{object} eq 'HASH' && $event->{object}{message};
    return { verdict => 'ignored', reason => $type } if $type ne 'message_new' || ref $message ne 'HASH';
    return { verdict => 'ignored', reason => 'not from a person' } if $message->{out} || ($message->{from_id} || 0) < 1;
    return { verdict => 'ignored', reason => 'banned' } if (($job->{person} || {})->{status} // '') eq 'banned';
    my $said = addressed($job, $message);
    return { verdict => 'ignored', reason => 'not addressed' } if !defined $said;

    if ($job->{repeat}) {
        my $told = ask($job, mark => undef);
        return send_parts($job, $message, $told) if $told->{mark};
    }
    return reply($job, $message, 'done', ask($job, line => $said)->{text}, { rx => $said }) if $said =~ m{^/};
    my $found = ask($job, find => $said);
    return { verdict => 'unsolved', match => $found->{match} } if !defined $found->{text};
    return reply($job, $message, 'done', $found->{text}, $found->{match});
}

# What was said to the bot, or undef: in a private dialog everything, else what begins with its mention.
sub addressed {
    my ($job, $message) = @_;
    my $text = $message->{text} // '';
    return $text if $message->{peer_id} == $message->{from_id};
    return $text =~ /^\s*\[club$job->{bot}{group_id}\|[^\]]*\][,:]?\s*(.*)/s ? $1 : undef;
}

# Write the reply down before anything is sent, then send it: this one, or what an earlier try wrote down.
sub reply {
    my ($job, $message, $verdict, $text, $match) = @_;
    my @parts;
    for (my $at = 0; $at < length $text && @parts < 10; $at += $PART_MAX) {
        my $place = join ':', $job->{bot}{group_id}, $message->{peer_id}, number($job, $message), scalar @parts;
        push @parts, { text => substr($text, $at, $PART_MAX), random_id => random_id($place) };
    }
    return { verdict => 'ignored', reason => 'the answer is empty' } if !@parts;
    my $mark = { verdict => $verdict, parts => \@parts, match => $match, quote => 0 };
    my $told = ask($job, mark => $mark);
    return send_parts($job, $message, $told->{mark} ? $told : { mark => $mark });
}

sub send_parts {
    my ($job, $message, $told) = @_;
    my $mark = $told->{mark};
    return { verdict => 'fail', reason => $told->{too_late} } if $told->{too_late};
    my @parts = @{ $mark->{parts} };
    for my $at (0 .. $#parts) {
        my $part = $parts[$at];
        next if $part->{is_sent};
        my $answer = vk($job, 'messages.send', peer_ids => $message->{peer_id}, message => $part->{text},
            random_id => $part->{random_id}, disable_mentions => 1);
        my $fate = $answer->[0];
        refused('messages.send', $fate->{error}{code}) if $fate->{error};
        $part->{message_id} = $fate->{conversation_message_id} || undef;
        ask($job, sent => { part => $at, message_id => $part->{message_id} }) if $at < $#parts;
    }
    my @shown = map { { text => $_->{text}, random_id => $_->{random_id}, message_id => $_->{message_id} } } @parts;
    return {
        verdict => $mark->{verdict},
        match   => $mark->{match},
        reply   => { peer_id => $message->{peer_id}, parts => \@shown },
    };
}

sub button {
    my ($job, $object) = @_;
    return { verdict => 'ignored', reason => 'no button' } if ref $object ne 'HASH';
    my %place = map { $_ => $object->{$_} } qw(event_id user_id peer_id);
    vk($job, 'messages.sendMessageEventAnswer', %place);
    return { verdict => 'done' };
}

# Call VK once, within the rate and the deadline. Dies with a verdict.
sub vk {
    my ($job, $method, %values) = @_;
    while ($job->{used} >= $job->{slots}) {
        my $slot = ask($job, slot => $job->{used});
        last if $slot->{granted};
        die outage('no slot in time') if time + $slot->{wait_ms} / 1000 > $job->{ends};
        sleep($slot->{wait_ms} / 1000);
    }
    my $left = $job->{ends} - time;
    die outage('no time left') if $left <= 0;
    $job->{used}++;
    local $SIG{ALRM} = sub { die "time is up\n" };
    Time::HiRes::alarm($left);
    my $answer = eval {
        HTTP::Tiny->new(timeout => $left, agent => 'salo-contract')
            ->post_form("$api/method/$method", { %values, access_token => $job->{token}, v => $v });
    };
    Time::HiRes::alarm(0);
    die outage("$method: no answer") if !$answer || !$answer->{success};
    my $told = eval { $json->decode($answer->{content}) };
    die outage("$method: the answer is not JSON") if ref $told ne 'HASH';
    refused($method, $told->{error}{error_code}) if $told->{error};
    return $told->{response};
}

sub outage { return { verdict => 'retry', outage => JSON::PP::true, reason => shift } }

sub refused {
    my ($method, $code) = @_;
    my $reason = "VK error $code";    # not its text: some errors repeat the token
    my @told = (reason => $reason, vk_errors => [{ method => $method, code => $code, kind => 'error', text => $reason }]);
    die { verdict => 'ignored', @told } if $LOST{$code};
    die { verdict => 'retry', outage => JSON::PP::true, @told } if $BOT_RESTS{$code};
    die { verdict => 'retry', @told } if $LATER{$code};
    die { verdict => 'fail', @told };
}

# The number that makes a repeat harmless: the first four bytes of the SHA-256, as a signed number, never 0.
sub random_id {
    my ($place) = @_;
    my $number = unpack 'N', sha256($place);
    $number -= 2**32 if $number >= 2**31;
    return $number || 1;
}

sub number {
    my ($job, $message) = @_;
    return $message->{conversation_message_id} if $message->{conversation_message_id};
    my $event_id = $job->{event}{event_id} // $job->{entry};
    utf8::encode($event_id);
    my $number = 0;
    $number = $number * 256 + $_ for unpack 'C7', sha256($event_id);
    return $number;
}
