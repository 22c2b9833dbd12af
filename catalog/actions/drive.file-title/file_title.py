from urllib.parse import quote

FILES = "https://www.googleapis.com/drive/v3/files"


def run(inputs, ctx):
    headers = {"Authorization": f"Bearer {ctx.secrets['TOKEN']}"}
    answer = ctx.http.get(f"{FILES}/{quote(inputs['file_id'], safe='')}", headers=headers)
    if answer.status != 200:
        ctx.log.warning("Drive answered %s", answer.status)
        raise ActionError("drive_api_failed", answer.status)
    return {"title": answer.json()["name"]}
