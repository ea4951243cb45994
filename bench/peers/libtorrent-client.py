#!/usr/bin/python3
"""One torrent in one libtorrent session: the protocol of driver.ts."""
import json
import signal
import sys

import libtorrent as lt

MIB = 1 << 20
profile = sys.argv[1]
job = json.loads(sys.argv[2])
is_seeder = job["role"] == "seed"

settings = {
    "listen_interfaces": f"{job['host']}:{job['port']}",
    "outgoing_interfaces": job["host"],
    "enable_dht": False,
    "enable_lsd": False,
    "enable_upnp": False,
    "enable_natpmp": False,
    "enable_incoming_utp": False,
    "enable_outgoing_utp": False,
    # Plain TCP, like everybody else here.
    "in_enc_policy": int(lt.enc_policy.pe_disabled),
    "out_enc_policy": int(lt.enc_policy.pe_disabled),
    # Without a namespace all peers may share one address.
    "allow_multiple_connections_per_ip": True,
    "alert_mask": int(lt.alert.category_t.status_notification | lt.alert.category_t.error_notification),
}
if profile == "tuned":
    settings = {
        **lt.high_performance_seed(),
        **settings,
        "aio_threads": 4,
        "hashing_threads": 2,
        "unchoke_slots_limit": -1,
        # Deep enough for a fast loopback, not so deep that its linear searches cost more than they bring.
        "max_out_request_queue": 500,
        "max_allowed_in_request_queue": 2_000,
        "request_queue_time": 10,
        "send_buffer_low_watermark": MIB,
        "send_buffer_watermark": 8 * MIB,
        "send_buffer_watermark_factor": 200,
        "send_socket_buffer_size": 4 * MIB,
        "recv_socket_buffer_size": 4 * MIB,
        "max_peer_recv_buffer_size": 8 * MIB,
        "max_queued_disk_bytes": 256 * MIB,
        "connection_speed": 500,
        "suggest_mode": 0,
    }
limit = job.get("uploadLimit")
if limit is not None:
    # The limit means payload and protocol, as with the others: not the headers of IP.
    settings |= {"upload_rate_limit": limit, "rate_limit_ip_overhead": False}
session = lt.session(settings)
if limit is not None:
    # Peers of private networks are exempt from limits unless they are in the global class.
    everyone = lt.ip_filter()
    everyone.add_rule("0.0.0.0", "255.255.255.255", 1 << lt.session.global_peer_class_id)
    session.set_peer_class_filter(everyone)

params = lt.add_torrent_params()
params.ti = lt.torrent_info(job["torrent"])
params.save_path = job["folder"]
params.flags &= ~(lt.torrent_flags.auto_managed | lt.torrent_flags.paused)
params.flags |= lt.torrent_flags.disable_pex
if is_seeder:
    params.flags |= lt.torrent_flags.seed_mode
torrent = session.add_torrent(params)
for peer in job["peers"]:
    host, port = peer.rsplit(":", 1)
    torrent.connect_peer((host, int(port)))


def tell(*_):
    print("uploaded", torrent.status().total_payload_upload, flush=True)


signal.signal(signal.SIGUSR1, tell)
while True:
    session.wait_for_alert(50)
    for alert in session.pop_alerts():
        if isinstance(alert, lt.listen_succeeded_alert) and is_seeder:
            print("serving", flush=True)
        elif isinstance(alert, lt.torrent_finished_alert) and not is_seeder:
            print("complete", flush=True)
        elif isinstance(alert, (lt.listen_failed_alert, lt.torrent_error_alert, lt.file_error_alert)):
            sys.exit(alert.message())
