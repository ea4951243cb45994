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
        "enable_lsd": False,
        "enable_upnp": False,
        "enable_natpmp": False,
        "enable_incoming_utp": False,
        "enable_outgoing_utp": False,
        "alert_mask": lt.alert.category_t.status_notification | lt.alert.category_t.error_notification,
    }
)
params = lt.add_torrent_params()
params.ti = lt.torrent_info(job["torrent"])
params.save_path = job["folder"]
params.flags &= ~(lt.torrent_flags.auto_managed | lt.torrent_flags.paused)
torrent = session.add_torrent(params)
for peer in job["peers"]:
    host, port = peer.rsplit(":", 1)
    torrent.connect_peer((host, int(port)))
while True:
    session.wait_for_alert(1000)
    for alert in session.pop_alerts():
        if isinstance(alert, lt.listen_succeeded_alert):
            print("listening", flush=True)
        elif isinstance(alert, lt.torrent_finished_alert):
            print("complete", flush=True)
        elif isinstance(alert, (lt.listen_failed_alert, lt.torrent_error_alert, lt.file_error_alert)):
            sys.exit(alert.message())
