/** Reads an event's square code with the camera. Loaded only when somebody scans. The pictures never leave the page. */
import { useEffect, useRef, useState } from "preact/hooks";
import { Title } from "../parts.tsx";
import { codeOf } from "../route.ts";
import { t } from "../text.ts";

interface Detector {
  detect(source: HTMLVideoElement): Promise<{ rawValue: string }[]>;
}

/** Between two looks at the picture, milliseconds. */
const LOOK_MS = 200;

/** @param props.onCode gets the code, or `undefined` when the person stops */
export function Scan({ onCode }: { onCode: (code: string | undefined) => void }) {
  const video = useRef<HTMLVideoElement>(null);
  const [denied, setDenied] = useState(false);

  useEffect(() => {
    let stream: MediaStream | undefined;
    let timer: ReturnType<typeof setTimeout>;
    let over = false;
    const Detector = (globalThis as unknown as { BarcodeDetector: new (o: { formats: string[] }) => Detector }).BarcodeDetector;
    const detector = new Detector({ formats: ["qr_code"] });

    async function look() {
      const codes = video.current && video.current.readyState >= 2 ? await detector.detect(video.current).catch(() => []) : [];
      if (over) return;
      const code = codes.map((c) => codeOf(c.rawValue)).find((c) => c !== undefined);
      if (code) onCode(code);
      else timer = setTimeout(look, LOOK_MS);
    }
    navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" }, audio: false }).then(
      async (got) => {
        stream = got;
        if (over || !video.current) return stop();
        video.current.srcObject = got;
        await video.current.play().catch(() => {});
        void look();
      },
      () => setDenied(true),
    );
    function stop() {
      over = true;
      clearTimeout(timer);
      for (const track of stream?.getTracks() ?? []) track.stop();
    }
    return stop;
  }, []);

  return (
    <main class="page scan">
      <Title>{t("scanTitle")}</Title>
      {denied ? <p role="alert">{t("scanDenied")}</p> : <p>{t("scanHint")}</p>}
      {!denied && <video ref={video} muted playsInline />}
      <button class="button wide" type="button" onClick={() => onCode(undefined)}>
        {t("scanStop")}
      </button>
    </main>
  );
}
