import { useEffect, useRef, useState } from "preact/hooks";
import { t } from "../language.ts";
import { readCode, readFile } from "../scan.ts";

/** Wall ms between two looks at what the camera shows. */
const lookMs = 150;

/** Reads a QR code with the camera, or from a picture of it. */
export function Scan({ onText }: { readonly onText: (text: string) => void }) {
  const [isOn, setOn] = useState(false);
  const [problem, setProblem] = useState("");
  const found = (text: string) => {
    setOn(false);
    setProblem("");
    onText(text);
  };
  const read = async (file: File) => {
    setProblem("");
    const text = await readFile(file);
    if (text === undefined) setProblem(t("No QR code was found in this picture."));
    else found(text);
  };
  // Only a page of https or localhost is given the camera.
  const hasCamera = navigator.mediaDevices?.getUserMedia !== undefined;
  return (
    <div class="scan">
      <p class="actions">
        {hasCamera ? (
          <button type="button" class="small" aria-expanded={isOn} onClick={() => setOn(!isOn)}>
            {isOn ? t("Stop the camera") : t("Scan with the camera")}
          </button>
        ) : null}
      </p>
      <label class="file">
        <span>{t("A picture of the QR code")}</span>
        <input
          type="file"
          accept="image/*"
          onChange={(event) => {
            const file = event.currentTarget.files?.[0];
            if (file !== undefined) void read(file);
          }}
        />
      </label>
      {isOn ? (
        <Camera
          onText={found}
          onProblem={(text) => {
            setOn(false);
            setProblem(text);
          }}
        />
      ) : null}
      {problem === "" ? null : <p role="alert">{problem}</p>}
    </div>
  );
}

function Camera({
  onText,
  onProblem,
}: {
  readonly onText: (text: string) => void;
  readonly onProblem: (text: string) => void;
}) {
  const video = useRef<HTMLVideoElement>(null);
  useEffect(() => {
    let on = true;
    let stream: MediaStream | undefined;
    const stop = () => {
      for (const track of stream?.getTracks() ?? []) track.stop();
    };
    const watch = async () => {
      stream = await navigator.mediaDevices.getUserMedia({
        video: { facingMode: "environment", width: { ideal: 1280 } },
      });
      const at = video.current;
      if (!on || at === null) return stop();
      at.srcObject = stream;
      await at.play();
      while (on) {
        const text = await readCode(at);
        if (text !== undefined && on) return onText(text);
        await new Promise((resolve) => setTimeout(resolve, lookMs));
      }
    };
    watch().catch((error: unknown) => {
      // Left before it began: nobody waits for it.
      if (!on) return;
      if (!(error instanceof DOMException)) throw error;
      onProblem(t("The camera cannot be used: {reason}.", { reason: error.name }));
    });
    return () => {
      on = false;
      stop();
    };
  }, []);
  return <video ref={video} muted playsInline aria-label={t("What the camera sees")} />;
}
