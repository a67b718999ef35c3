# Types a text with os-autoinst's own console: `perl -I LIBRARIES os_autoinst.pl HOST PORT TEXT`.
#
# What is os-autoinst's: the VNC client, the key map, `type_string` and its pacing. What is left out is the screen (its library needs
# OpenCV), so of the backend there is only the waiting between two keys, in which os-autoinst would take pictures.

use Mojo::Base -strict, -signatures;
use Socket qw(SOL_SOCKET SO_RCVTIMEO);
use Time::HiRes ();

BEGIN { $INC{'tinycv.pm'} = __FILE__ }

package tinycv {
    sub new_vncinfo (@) { return {} }
    sub set_socket_timeout ($descriptor, $timeout) { return 1 }
}

package WaitingBackend {
    sub new ($class) { return bless {}, $class }
    sub run_capture_loop ($self, $seconds) { Time::HiRes::sleep($seconds) }
}

use bmwqemu ();
use consoles::vnc_base;

my ($host, $port, $text) = @ARGV;
my $console = consoles::vnc_base->new('sut', {});
$console->backend(WaitingBackend->new);
$console->connect_remote({hostname => $host, port => $port, connect_timeout => 10});
$console->type_string({text => $text});
$console->disable;
