// The oval bone: 60 mm long, 30 x 20 mm. Edge length by -clmin and -clmax.
SetFactory("OpenCASCADE");
a = newc; Ellipse(a) = {0, 0, 0, 15, 10, 0, 2*Pi};
Curve Loop(1) = {a};
Plane Surface(1) = {1};
Extrude {0, 0, 60} { Surface{1}; }
Mesh.Algorithm3D = 1;
Mesh.MshFileVersion = 2.2;
