// The 3-D view of a forearm: two bones, turned by hand or by buttons.
//
// The page says everything in data attributes and words; this file holds no
// text and no color of its own. A frame is drawn only when something moved.
//
//   <figure data-viewer data-scene="bones.glb" data-radius="r.stl" data-ulna="u.stl"
//           data-dorsal="0 1 0" data-distal="0 0 1" data-thumb="1 0 0">
//     <div data-stage aria-label="..."></div>   the canvas is put here
//     <span data-label="radius">..</span>       follows the bone
//     <button data-turn="pa">..</button>        pa lateral reset in out left right up down
//     <button data-show="radius">..</button>    shows and hides a bone
//     <p data-message="webgl" hidden>..</p>     shown when there is no WebGL
//     <p data-message="load" hidden>..</p>      shown when the file cannot be read
//   </figure>
//
// After the first drawn frame the figure has data-ready, data-triangles,
// data-frames and data-renderer.

import {
  AmbientLight,
  Box3,
  Color,
  DirectionalLight,
  DoubleSide,
  Group,
  Mesh,
  MeshStandardMaterial,
  PerspectiveCamera,
  Quaternion,
  Scene,
  Sphere,
  Vector3,
  WebGLRenderer,
} from 'three';
import { OrbitControls } from 'three/addons/controls/OrbitControls.js';
import { GLTFLoader } from 'three/addons/loaders/GLTFLoader.js';
import { STLLoader } from 'three/addons/loaders/STLLoader.js';

const BONES = ['radius', 'ulna'];
const STEP = Math.PI / 12;
// Where along a bone its label sits: at different heights, so that the two
// words stay apart where the bones lie behind one another.
const LABEL_AT = { radius: 0.3, ulna: 0.1 };

const direction = (text, otherwise) => {
  const parts = (text || otherwise).split(' ').map(Number);
  return new Vector3(...parts).normalize();
};

class Viewer {
  constructor(figure) {
    this.figure = figure;
    this.stage = figure.querySelector('[data-stage]');
    this.frames = 0;
    this.bones = new Map();
    const data = figure.dataset;
    this.dorsal = direction(data.dorsal, '0 1 0');
    this.distal = direction(data.distal, '0 0 1');
    this.thumb = direction(data.thumb, '1 0 0');
  }

  async start() {
    try {
      this.renderer = new WebGLRenderer({ antialias: true, alpha: true });
    } catch {
      this.fail('webgl');
      return;
    }
    this.makeStage();
    try {
      await this.load();
    } catch (error) {
      console.warn('bones cannot be shown:', error.message);
      this.fail('load');
      return;
    }
    this.sphere = new Box3().setFromObject(this.body).getBoundingSphere(new Sphere());
    this.listen();
    this.turn('pa');
  }

  fail(why) {
    this.figure.dataset.failed = why;
    const message = this.figure.querySelector(`[data-message="${why}"]`);
    if (message) message.hidden = false;
    this.stage.hidden = true;
    for (const part of this.figure.querySelectorAll('[data-turn],[data-show],[data-label]')) {
      part.hidden = true;
    }
  }

  makeStage() {
    const canvas = this.renderer.domElement;
    canvas.tabIndex = 0;
    canvas.setAttribute('role', 'img');
    canvas.setAttribute('aria-label', this.stage.getAttribute('aria-label') || '');
    this.stage.removeAttribute('aria-label');
    this.stage.prepend(canvas);
    this.scene = new Scene();
    this.body = new Group();
    this.scene.add(this.body);
    this.camera = new PerspectiveCamera(30, 1, 0.001, 1000);
    this.camera.up.copy(this.distal);
    const key = new DirectionalLight(0xffffff, 2.6);
    key.position.set(-0.6, 0.9, 1);
    const fill = new DirectionalLight(0xffffff, 0.8);
    fill.position.set(1, -0.4, 0.6);
    this.camera.add(key, fill, key.target, fill.target);
    this.scene.add(this.camera, new AmbientLight(0xffffff, 0.75));
    this.controls = new OrbitControls(this.camera, canvas);
    this.controls.enableDamping = false;
    this.controls.enablePan = true;
    canvas.addEventListener('webglcontextlost', (event) => event.preventDefault());
    canvas.addEventListener('webglcontextrestored', () => this.draw());
  }

  async load() {
    const { scene, radius, ulna } = this.figure.dataset;
    if (scene) {
      try {
        await this.loadScene(scene);
      } catch (error) {
        if (!radius && !ulna) throw error;
        this.bones.clear();
      }
    }
    if (this.bones.size === 0) {
      await Promise.all([this.loadSurface('radius', radius), this.loadSurface('ulna', ulna)]);
    }
    if (this.bones.size === 0) throw new Error('no bone in the file');
    this.figure.dataset.triangles = String(this.countTriangles());
  }

  async loadScene(url) {
    const file = await new GLTFLoader().loadAsync(url);
    file.scene.updateMatrixWorld(true);
    file.scene.traverse((node) => {
      const name = BONES.find((bone) => node.name === bone || node.parent?.name === bone);
      if (node.isMesh && name) {
        this.add(name, node.geometry.clone().applyMatrix4(node.matrixWorld));
      }
    });
  }

  async loadSurface(name, url) {
    if (url) this.add(name, await new STLLoader().loadAsync(url));
  }

  add(name, geometry) {
    if (!geometry.getAttribute('normal')) geometry.computeVertexNormals();
    const color = getComputedStyle(this.figure).getPropertyValue(`--bone-${name}`).trim();
    const material = new MeshStandardMaterial({
      color: new Color(color || '#cccccc'),
      roughness: 0.62,
      metalness: 0,
      side: DoubleSide,
    });
    const mesh = new Mesh(geometry, material);
    mesh.name = name;
    this.body.add(mesh);
    this.bones.set(name, { mesh, anchor: this.anchor(geometry, LABEL_AT[name]) });
  }

  // The middle of a bone's slice at a share of its length, from the elbow's end.
  anchor(geometry, share) {
    const place = geometry.getAttribute('position');
    const vertex = new Vector3();
    let low = Infinity;
    let high = -Infinity;
    for (let i = 0; i < place.count; i += 1) {
      const height = vertex.fromBufferAttribute(place, i).dot(this.distal);
      low = Math.min(low, height);
      high = Math.max(high, height);
    }
    const target = low + (high - low) * share;
    const reach = (high - low) * 0.08;
    const box = new Box3();
    for (let i = 0; i < place.count; i += 1) {
      vertex.fromBufferAttribute(place, i);
      if (Math.abs(vertex.dot(this.distal) - target) <= reach) box.expandByPoint(vertex);
    }
    if (box.isEmpty()) geometry.boundingBox || geometry.computeBoundingBox();
    return (box.isEmpty() ? geometry.boundingBox : box).getCenter(new Vector3());
  }

  countTriangles() {
    let count = 0;
    for (const { mesh } of this.bones.values()) {
      const { index } = mesh.geometry;
      count += (index ? index.count : mesh.geometry.getAttribute('position').count) / 3;
    }
    return count;
  }

  listen() {
    this.controls.addEventListener('change', () => this.draw());
    new ResizeObserver(() => this.draw()).observe(this.stage);
    for (const button of this.figure.querySelectorAll('[data-turn]')) {
      button.addEventListener('click', () => this.turn(button.dataset.turn));
    }
    for (const button of this.figure.querySelectorAll('[data-show]')) {
      button.addEventListener('click', () => this.show(button));
    }
    const keys = {
      ArrowLeft: 'left', ArrowRight: 'right', ArrowUp: 'up', ArrowDown: 'down',
      '+': 'in', '-': 'out', 0: 'reset',
    };
    this.renderer.domElement.addEventListener('keydown', (event) => {
      const way = keys[event.key];
      if (way && !event.ctrlKey && !event.metaKey && !event.altKey) {
        event.preventDefault();
        this.turn(way);
      }
    });
  }

  show(button) {
    const bone = this.bones.get(button.dataset.show);
    if (!bone) return;
    bone.mesh.visible = !bone.mesh.visible;
    button.setAttribute('aria-pressed', String(bone.mesh.visible));
    this.draw();
  }

  turn(way) {
    if (way === 'pa' || way === 'reset') this.look(this.dorsal);
    else if (way === 'lateral') this.look(this.thumb);
    else if (way === 'in') this.approach(1 / 1.25);
    else if (way === 'out') this.approach(1.25);
    else this.orbit(way);
    this.controls.update();
    this.draw();
  }

  // From this side, the hand up, the whole in view.
  look(from) {
    const half = (this.camera.fov * Math.PI) / 360;
    const aspect = this.aspect();
    const narrow = Math.min(half, Math.atan(Math.tan(half) * aspect));
    const distance = (this.sphere.radius * 1.02) / Math.sin(narrow);
    this.controls.target.copy(this.sphere.center);
    this.camera.position.copy(this.sphere.center).addScaledVector(from, distance);
    this.camera.near = this.sphere.radius / 100;
    this.camera.far = this.sphere.radius * 100;
    this.controls.minDistance = this.sphere.radius * 0.4;
    this.controls.maxDistance = this.sphere.radius * 20;
  }

  approach(factor) {
    const { target, minDistance, maxDistance } = this.controls;
    const arm = this.camera.position.clone().sub(target);
    arm.setLength(Math.min(maxDistance, Math.max(minDistance, arm.length() * factor)));
    this.camera.position.copy(target).add(arm);
  }

  orbit(way) {
    const { target } = this.controls;
    const arm = this.camera.position.clone().sub(target);
    const sideways = way === 'left' || way === 'right';
    const right = new Vector3().crossVectors(this.distal, arm).normalize();
    const axis = sideways ? this.distal : right;
    const angle = way === 'left' || way === 'up' ? -STEP : STEP;
    const next = arm.clone().applyQuaternion(new Quaternion().setFromAxisAngle(axis, angle));
    // Never over the pole: the hand stays up.
    const steep = Math.abs(next.clone().normalize().dot(this.distal)) > 0.985;
    if (sideways || !steep) this.camera.position.copy(target).add(next);
  }

  aspect() {
    const { clientWidth, clientHeight } = this.stage;
    return clientWidth > 0 && clientHeight > 0 ? clientWidth / clientHeight : 1;
  }

  draw() {
    if (this.waiting) return;
    this.waiting = true;
    requestAnimationFrame(() => {
      this.waiting = false;
      this.drawNow();
    });
  }

  drawNow() {
    const width = this.stage.clientWidth;
    const height = this.stage.clientHeight;
    if (width === 0 || height === 0) return;
    this.renderer.setPixelRatio(Math.min(devicePixelRatio || 1, 2));
    this.renderer.setSize(width, height, false);
    this.camera.aspect = this.aspect();
    this.camera.updateProjectionMatrix();
    this.renderer.render(this.scene, this.camera);
    this.placeLabels(width, height);
    this.frames += 1;
    this.figure.dataset.frames = String(this.frames);
    if (!this.figure.dataset.ready) {
      const gl = this.renderer.getContext();
      const known = gl.getExtension('WEBGL_debug_renderer_info');
      this.figure.dataset.renderer = known ? gl.getParameter(known.UNMASKED_RENDERER_WEBGL) : '';
      this.figure.dataset.ready = 'true';
    }
  }

  placeLabels(width, height) {
    for (const [name, { mesh, anchor }] of this.bones) {
      const label = this.figure.querySelector(`[data-label="${name}"]`);
      if (!label) continue;
      const point = anchor.clone().project(this.camera);
      label.hidden = !mesh.visible || Math.abs(point.x) > 1 || Math.abs(point.y) > 1;
      label.style.left = `${((point.x + 1) / 2) * width}px`;
      label.style.top = `${((1 - point.y) / 2) * height}px`;
    }
  }
}

// Figures there now, and those that a live page puts in later.
const mount = () => {
  for (const figure of document.querySelectorAll('[data-viewer]:not([data-mounted])')) {
    figure.dataset.mounted = 'true';
    new Viewer(figure).start();
  }
};
document.addEventListener('bonebox:parts', mount);
mount();
