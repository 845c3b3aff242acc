/** Where the making of mini-flux stands. `wait`: another process makes it, this one waits. */
export interface ProgressEvent {
  readonly phase: "wait" | "fetch" | "plan" | "render" | "write";
  readonly done: number;
  readonly total: number;
  /** Bytes written so far, where it is known. */
  readonly bytes?: number;
}
export type Progress = (event: ProgressEvent) => void;
