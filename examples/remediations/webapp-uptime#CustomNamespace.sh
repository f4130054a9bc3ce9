#!/bin/sh
# Starts the web application. Its name says when: the metric `webapp-uptime` in the namespace `CustomNamespace`.
set -eu
systemctl start webapp
systemctl is-active webapp
