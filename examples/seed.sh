#!/bin/sh
# Gives the example workspace something to do; run it while `stageauto run` is up, or before.
# The workspace is the folder of this script; STAGEAUTO names the command where it is neither in ../.venv nor on the PATH.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
command=${STAGEAUTO:-$here/../.venv/bin/stageauto}
[ -x "$command" ] || command=stageauto
say() { "$command" -C "$here" --as olga --quiet "$@"; }

say load --yes

soon=$(date -d '+3 days' +%Y-%m-%d 2>/dev/null || date -v+3d +%Y-%m-%d)

# A lead from the web site: contact, round robin, welcome mail with the catalogue, notification, voucher, task.
say emit form.submitted --data form=website --data name=Ewa --data email=ewa@home.test --data phone=+48600100900 \
  --data subject='New roof' --data budget=24000

# Two quotes: number, mail from the responsible's own mailbox, three working days of waiting.
say add deals --title 'Roof in Raszyn' --stage quote --responsible anna --set amount=18000 \
  --contact first_name=Jan --contact email=jan@home.test --contact phone=+48600100901
say add deals --title 'Gutters in Marki' --stage quote --responsible piotr --set amount=2500 \
  --contact first_name=Ola --contact email=ola@home.test

# A survey in three days: books the van, invites Anna and the customer.
say add deals --title 'Facade in Pruszkow' --stage survey --responsible anna --set "meeting_at=${soon}T10:00" \
  --contact first_name=Max --contact email=max@home.test --contact phone=+48600100902

# Something is being delivered: a signed webhook to the ERP, a mail to the depot tonight.
say add deals --title 'School roof' --stage delivery --responsible anna --set amount=60000 --set quote_no=Q-9 \
  --contact first_name=Iza --contact email=iza@school.test

# A contract to write: its number and its task.
say add signing --title 'Contract: Shed' --responsible anna --set amount=700 \
  --contact first_name=Jan --contact email=jan@home.test
