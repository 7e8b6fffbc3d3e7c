"""An asset in a notebook: a model that turns by dragging, without a script file and without WebGL."""

from __future__ import annotations

import base64
import html
import io

import numpy as np
from PIL import Image

from spherelinks.formats.asset import read
from spherelinks.render.images import turned

SIZE, FRAMES = 320, 24
#: Pixels of dragging from one frame to the next.
STEP = 10

_TURN = (
    f"this.turn=(this.turn||0)+by;"
    f"this.style.backgroundPositionX=-{SIZE}*(((Math.round(this.turn)%{FRAMES})+{FRAMES})%{FRAMES})+'px'"
)
_PAGE = f"""\
<figure style="margin:0;width:{SIZE}px;font:13px system-ui,sans-serif">
<div role="img" tabindex="0" aria-label="{{label}}" title="Drag to rotate, or use the arrow keys"
 style="width:{SIZE}px;height:{SIZE}px;cursor:grab;touch-action:pan-y;background:url({{url}}) 0 0 no-repeat"
 onpointerdown="this.setPointerCapture(event.pointerId)"
 onpointermove="if(event.buttons&1){{{{const by=event.movementX/{STEP};{_TURN}}}}}"
 onkeydown="const by={{{{ArrowLeft:-1,ArrowRight:1}}}}[event.key];if(by){{{{event.preventDefault();{_TURN}}}}}"></div>
<figcaption>{{label}}</figcaption>
</figure>
"""


def page(glb: bytes, label: str) -> str:
    """HTML of one of our GLBs that turns under the pointer, and a line below it. It loads nothing.

    Raises InvalidRequest for a file that is not one of ours.
    """
    strip = Image.fromarray(np.hstack([*turned(read(glb).mesh, SIZE, FRAMES)]))
    buffer = io.BytesIO()
    strip.save(buffer, "WEBP", quality=80, alpha_quality=80, method=2)
    url = f"data:image/webp;base64,{base64.b64encode(buffer.getvalue()).decode()}"
    return _PAGE.format(label=html.escape(label), url=url)
