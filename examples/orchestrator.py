"""A session orchestrator over HTTP, standard library only: python3 orchestrator.py URL TOKEN MACHINE_ID IMAGE_ID"""
import json
import sys
import urllib.request

url, token, machine_id, image_id = sys.argv[1:]
body = json.dumps({"machine_id": machine_id, "image_id": image_id}).encode()
headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json", "Prefer": "wait=20"}
request = urllib.request.Request(f"{url}/api/v1/targets", body, headers)
with urllib.request.urlopen(request, timeout=30) as answer:  # raises HTTPError, whose body is a problem with a code
    target = json.load(answer)
print(target["status"], target["iqn"])
