import { Dialog } from "./Dialog.tsx"
import { isHelpOpen, keyHelp, shortcuts } from "./keyboard.ts"

/** The keys, and their switch. */
export const HelpDialog = () =>
  isHelpOpen.value ? (
    <Dialog title="Keyboard" close={() => (isHelpOpen.value = false)}>
      <dl class="keys">
        {keyHelp.map(([keys, what]) => (
          <div key={keys}>
            <dt>
              {keys.split(" ").map((key) => (
                <kbd key={key}>{key}</kbd>
              ))}
            </dt>
            <dd>{what}</dd>
          </div>
        ))}
      </dl>
      <label class="inline">
        <input
          type="checkbox"
          checked={shortcuts.value === "on"}
          onChange={(event) => (shortcuts.value = event.currentTarget.checked ? "on" : "off")}
        />
        Single keys are on (Esc always is)
      </label>
      <div class="dialog-buttons">
        <button type="button" class="btn btn-main" onClick={() => (isHelpOpen.value = false)}>
          Close
        </button>
      </div>
    </Dialog>
  ) : null
