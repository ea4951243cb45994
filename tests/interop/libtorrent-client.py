#!/usr/bin/python3
"""One torrent in one libtorrent session. Prints `listening`, then `complete` once every piece is there."""
import json
import sys

import libtorrent as lt

job = json.loads(sys.argv[1])
session = lt.session(
    {
        "listen_interfaces": f"{job['host']}:{job['port']}",
        "enable_dht": False,
        "enable_lsd": job["hasLan"],
        "enable_upnp": False,
        "enable_natpmp": False,
        "enable_incoming_utp": False,
        "enable_outgoing_utp": False,
        # Over loopback all peers share one address.
        "allow_multiple_connections_per_ip": True,
        "alert_mask": lt.alert.category_t.status_notification | lt.alert.category_t.error_notification,
    }
)
if job["source"].startswith("magnet:"):
    params = lt.parse_magnet_uri(job["source"])
else:
    params = lt.add_torrent_params()
    params.ti = lt.torrent_info(job["source"])
params.save_path = job["folder"]
params.flags &= ~(lt.torrent_flags.auto_managed | lt.torrent_flags.paused)
if not job["hasPex"]:
    params.flags |= lt.torrent_flags.disable_pex
if not job["hasLan"]:
    params.flags |= lt.torrent_flags.disable_lsd
torrent = session.add_torrent(params)
for peer in job["peers"]:
    host, port = peer.rsplit(":", 1)
    torrent.connect_peer((host, int(port)))
is_listening = False
while True:
    session.wait_for_alert(1000)
    for alert in session.pop_alerts():
        if isinstance(alert, lt.listen_succeeded_alert):
            if not is_listening:
                print("listening", flush=True)
            is_listening = True
        elif isinstance(alert, lt.torrent_finished_alert):
            print("complete", flush=True)
        elif isinstance(alert, (lt.tracker_announce_alert, lt.tracker_reply_alert, lt.tracker_error_alert)):
            print(alert.message(), flush=True)
        elif isinstance(alert, (lt.listen_failed_alert, lt.torrent_error_alert, lt.file_error_alert)):
            sys.exit(alert.message())
